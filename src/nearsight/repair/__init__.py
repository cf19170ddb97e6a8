"""Removing a shortcut: from a run and the findings of a diagnosis to a new run without it."""

from nearsight.repair.result import Repair

__all__ = ["Repair"]
