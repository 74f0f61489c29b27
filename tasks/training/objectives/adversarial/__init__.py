"""Adversarial training: a mix of the loss on clean images and on adversarial examples."""
