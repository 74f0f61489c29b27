"""Structured pruning: whole filters of convolutions."""
