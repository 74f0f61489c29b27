"""DeepFool: steps to the nearest linearised boundary."""
