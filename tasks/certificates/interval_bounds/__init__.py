"""Interval bounds: what every layer can put out for any image of a box around one."""
