"""Fast adversarial training: a single step from a random start."""
