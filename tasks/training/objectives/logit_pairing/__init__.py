"""Adversarial logit pairing: the logits of an image and of its example are drawn together."""
