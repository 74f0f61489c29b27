"""SmoothAdv: adversarial training of the smoothed classifier."""
