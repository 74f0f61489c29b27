"""Training on linear bounds of the margins that stand on interval bounds."""
