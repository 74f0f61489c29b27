"""AdvGAN's generator: a network that perturbs an image so that one model is fooled."""
