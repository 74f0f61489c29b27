"""The search spaces that ship with advsweep: one YAML file per sweep."""
