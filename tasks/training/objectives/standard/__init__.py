"""Cross-entropy on the images as they are."""
