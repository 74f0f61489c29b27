"""The architectures, one file each or one for each library they come from."""
