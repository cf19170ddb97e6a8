"""A run's directory, written and read whole."""

from nearsight.runs.run import CHECKPOINT, PREDICTIONS, RECIPE, RESULT, Run
from nearsight.write import replace_atomically, write_json, write_text

__all__ = [
    "CHECKPOINT",
    "PREDICTIONS",
    "RECIPE",
    "RESULT",
    "Run",
    "replace_atomically",
    "write_json",
    "write_text",
]
