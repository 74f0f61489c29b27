"""Labelled images as one uint8 tensor per split, and the sources they come from."""
