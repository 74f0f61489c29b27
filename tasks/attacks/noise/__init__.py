"""Noise drawn from the ball: what an attack without knowledge reaches."""
