"""Checks of robustness numbers, from the literature."""
