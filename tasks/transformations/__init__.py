"""Defences at inference: what images go through before the model sees them."""
