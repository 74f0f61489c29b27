"""Carlini and Wagner: the smallest L2 perturbation by Adam and a search for the constant."""
