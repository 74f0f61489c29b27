"""Mistakes of the kind that real code has, and whether the tests notice them: `python -m tests.mutation`."""
