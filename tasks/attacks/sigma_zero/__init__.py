"""Sigma-zero: descent on a smooth count of changed values."""
