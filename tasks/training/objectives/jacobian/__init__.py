"""Jacobian regularisation: a penalty on the gradients of the logits by the pixels."""
