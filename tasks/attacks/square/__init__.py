"""Square Attack: random search with squares, from logits alone."""
