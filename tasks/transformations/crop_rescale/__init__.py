"""A random part of an image, made as large as the image."""
