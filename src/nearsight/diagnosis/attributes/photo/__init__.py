"""Edits by which photographs are commonly changed or spoiled, which a classifier is asked about."""
