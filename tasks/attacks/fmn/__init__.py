"""FMN: steps within a ball that shrinks onto the boundary."""
