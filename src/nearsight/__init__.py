"""Nearsight: train classifiers on tiles, compare them with whole images, see what they look at."""
