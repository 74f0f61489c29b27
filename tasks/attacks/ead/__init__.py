"""EAD: the elastic net of L1 and L2, by iterative shrinkage."""
