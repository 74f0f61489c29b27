"""Training in all its forms: one loop, several objectives."""
