"""PDPGD: descent with a proximal step, and a weight that learns from success."""
