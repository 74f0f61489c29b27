"""Ensemble adversarial training: examples made against other models."""
