"""How near-sighted a classifier is."""
