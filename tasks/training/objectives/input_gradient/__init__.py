"""Input gradient regularisation: a penalty on the gradient of the loss by the pixels."""
