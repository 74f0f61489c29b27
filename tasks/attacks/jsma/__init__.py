"""JSMA: the values of the highest saliency are changed first."""
