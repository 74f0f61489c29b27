"""A sweep while it runs: the stage graph, the pool of workers, Ray Tune's grid, and how it ends."""
