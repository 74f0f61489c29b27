"""Fewer shades."""
