"""How far sweeps are and what runs where, read from their storage alone."""
