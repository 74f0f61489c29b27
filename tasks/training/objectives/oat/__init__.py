"""Once-for-all adversarial training: one model for every share of adversarial loss."""
