"""Images made of patches of training images."""
