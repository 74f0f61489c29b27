"""What every part promises, tried out on small inputs: a user's own parts and those that are shipped alike."""
