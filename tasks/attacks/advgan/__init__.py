"""AdvGAN: one pass of a generator that was trained against the model."""
