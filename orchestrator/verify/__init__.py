"""The cells that would settle what the verdicts of a finished sweep question, and how its numbers move."""
