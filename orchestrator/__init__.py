"""The sweep of advsweep: spaces, plans, Ray Tune, results and reports."""
