"""RayS: the shortest ray to a wrong decision, from labels alone."""
