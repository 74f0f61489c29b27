"""A denoiser: a network that finds the noise in an image, trained on images alone."""
