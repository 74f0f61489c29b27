"""Randomized smoothing: the class that a model says most often under Gaussian noise, with a radius in L2."""
