"""Training on images under Gaussian noise."""
