"""Diff-PGD: gradient steps through a denoiser."""
