"""A launch whose driver runs elsewhere: as a job on a cluster, or attached to its head."""
