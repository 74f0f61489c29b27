"""A trial: its configuration, the chain of its stages and their keys, and its row of results."""
