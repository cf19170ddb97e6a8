"""Verdicts: which shortcuts the classifier takes, tested on images that chose nothing and proven by intervention."""
