"""How much each filter or weight of a layer matters, one file each."""
