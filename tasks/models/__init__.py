"""Models that take pixels of [0, 1]; normalisation is their first layer."""
