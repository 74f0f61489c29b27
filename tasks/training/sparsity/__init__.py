"""Pruning that trains: scores that are learned, and ratios that grow while weights are trained."""
