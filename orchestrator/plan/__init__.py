"""From validated trials to distinct stages: what is missing, in which order, and how long it may take."""
