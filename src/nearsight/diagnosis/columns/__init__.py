"""Columns of a set and facts of its files: which go with a class, and how accuracy differs by them."""

from nearsight.diagnosis.columns.find import find_columns

__all__ = ["find_columns"]
