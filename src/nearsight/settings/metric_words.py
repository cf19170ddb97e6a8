"""The words for measures of predictions: the same in result.json, in tables, on pages and in CSV."""

from collections.abc import Mapping
from types import MappingProxyType

ACCURACY, TOP5, ECE = "accuracy", "top5", "ece"
BALANCED_ACCURACY, F1, AUROC, AVERAGE_PRECISION = "balanced_accuracy", "f1", "auroc", "average_precision"
RESTRICTED_ACCURACY = "restricted_accuracy"
# The lowest accuracy of a class in a group of a column, and the accuracies of all.
WORST_GROUP, BY_GROUP = "worst_group_accuracy", "by_group"

# Estimates with an interval, and their headings. Those by class have the same names there.
ESTIMATES: Mapping[str, str] = MappingProxyType(
    {
        BALANCED_ACCURACY: "balanced accuracy",
        F1: "F1",
        AUROC: "AUROC",
        AVERAGE_PRECISION: "average precision",
        RESTRICTED_ACCURACY: "accuracy among the set's classes",
        WORST_GROUP: "worst group",
    }
)
# What only some evaluations measure; it is shown if it was measured.
OF_SOME = (RESTRICTED_ACCURACY, WORST_GROUP)
OF_EACH_CLASS = (F1, AUROC, AVERAGE_PRECISION)
