"""TRADES: cross-entropy on clean images, and how far the answer moves within the budget."""
