"""How much each filter of a convolution matters, one file each."""
