"""Training on interval bounds: the worst logits that any image of a box can have."""
