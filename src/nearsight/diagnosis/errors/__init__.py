"""Misclassified images, and what would have changed their predictions."""
