"""CROWN on interval bounds: the margin as a linear function of the image, from the last layer back to the first."""
