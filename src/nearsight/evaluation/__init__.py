"""Protocols, measures and paired statistics of a trained classifier."""

from nearsight.evaluation.evaluating import evaluate
from nearsight.evaluation.group_accuracies import GroupAccuracies
from nearsight.evaluation.metrics import (
    calibration_error,
    confusion_matrix,
    top_k_accuracy,
)
from nearsight.evaluation.predictions import Predictions
from nearsight.evaluation.protocols import correctness, predict, tile_scores
from nearsight.evaluation.result import Evaluation

__all__ = [
    "Evaluation",
    "GroupAccuracies",
    "Predictions",
    "calibration_error",
    "confusion_matrix",
    "correctness",
    "evaluate",
    "predict",
    "tile_scores",
    "top_k_accuracy",
]
