"""Taking a shortcut away: from a run and what a diagnosis found of it to a new run without it."""

from nearsight.repair.result import Repair

__all__ = ["Repair"]
