"""Distillation: a network learns from the answers of another, on images or on adversarial examples."""
