"""FAB: steps to the linearised decision boundary that stay near the image."""
