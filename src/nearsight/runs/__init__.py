"""A run's directory, written and read as a whole."""

from nearsight.digest import RESULT
from nearsight.runs.run import CHECKPOINT, PREDICTIONS, RECIPE, Run
from nearsight.write import write_json, write_text

__all__ = [
    "CHECKPOINT",
    "PREDICTIONS",
    "RECIPE",
    "RESULT",
    "Run",
    "write_json",
    "write_text",
]
