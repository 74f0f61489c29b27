"""Objectives: what a training step minimises. One folder a defence, `settings.py` and `objective.py`."""
