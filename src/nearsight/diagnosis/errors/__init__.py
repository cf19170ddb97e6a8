"""Misclassified images, and what would have turned them."""
