"""Adversarial weight perturbation: on top of any objective, the loss is taken with weights that are worse."""
