"""Free adversarial training: each batch is trained on several times, and one backward pass serves both players."""
