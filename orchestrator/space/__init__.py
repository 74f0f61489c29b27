"""From a YAML file to validated trials."""
