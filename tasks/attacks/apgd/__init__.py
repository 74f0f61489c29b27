"""Auto-PGD: a step size that halves where progress stalls."""
