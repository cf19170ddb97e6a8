"""Protocols, measures and paired statistics of a trained classifier."""

from nearsight.evaluation.evaluate import evaluate
from nearsight.evaluation.metrics import (
    accuracy_interval,
    calibration_error,
    confusion_matrix,
    top_k_accuracy,
)
from nearsight.evaluation.paired import Interval, McNemar, arm_interval, mcnemar, paired_difference
from nearsight.evaluation.protocols import correctness, predict, tile_scores
from nearsight.evaluation.result import Evaluation

__all__ = [
    "Evaluation",
    "Interval",
    "McNemar",
    "accuracy_interval",
    "arm_interval",
    "calibration_error",
    "confusion_matrix",
    "correctness",
    "evaluate",
    "mcnemar",
    "paired_difference",
    "predict",
    "tile_scores",
    "top_k_accuracy",
]
