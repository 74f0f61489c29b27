"""W&B: one run per finished trial and one for the sweep, written offline by the driver, sent apart from the sweep."""
