"""Estimates with their intervals: one type, one bootstrap, one way of writing them."""

from nearsight.statistics.agreement import agreement_beside_seeds, chance_agreement, kappa_estimate
from nearsight.statistics.differences import (
    accuracy_difference,
    change_estimate,
    difference_of_estimates,
    false_discovery,
    more_often,
)
from nearsight.statistics.estimates import Estimate, absent
from nearsight.statistics.gaps import gap_difference, gap_estimate
from nearsight.statistics.means import (
    accuracy_estimate,
    accuracy_interval,
    column_estimate,
    influence_estimate,
    mean_estimate,
    ratio_estimate,
    student_estimate,
)
from nearsight.statistics.pairs import McNemar, arm_estimate, crossed_interval, mcnemar, paired_difference
from nearsight.statistics.resampled_t import widened_by_folds
from nearsight.statistics.separation import area_under_curve, jaccard

__all__ = [
    "Estimate",
    "McNemar",
    "absent",
    "accuracy_difference",
    "accuracy_estimate",
    "accuracy_interval",
    "agreement_beside_seeds",
    "area_under_curve",
    "arm_estimate",
    "chance_agreement",
    "change_estimate",
    "column_estimate",
    "crossed_interval",
    "difference_of_estimates",
    "false_discovery",
    "gap_difference",
    "gap_estimate",
    "influence_estimate",
    "jaccard",
    "kappa_estimate",
    "mcnemar",
    "mean_estimate",
    "more_often",
    "paired_difference",
    "ratio_estimate",
    "student_estimate",
    "widened_by_folds",
]
