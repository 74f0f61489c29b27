"""The sweep itself: Ray Tune owns the grid, a stage executor owns the stage graph."""
