"""DDN: the direction by the gradient, the length by success."""
