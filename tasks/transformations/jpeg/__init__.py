"""JPEG compression."""
