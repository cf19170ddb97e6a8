"""Studies: arms × seeds under a budget, and what their runs show."""

from nearsight.study.arms import Arm, make_arms, order_arms, order_tiles, reference_size, usual_arms
from nearsight.study.comparing import compare
from nearsight.study.comparison import Accuracy, ArmResult, Augmented, Comparison, Cost, Difference
from nearsight.study.cross_validating import cross_validate
from nearsight.study.cross_validation import CrossValidation, FoldedAccuracy
from nearsight.study.good_enough import GoodEnough, checked_margin
from nearsight.study.verdicts import verdict

__all__ = [
    "Accuracy",
    "Arm",
    "ArmResult",
    "Augmented",
    "Comparison",
    "Cost",
    "CrossValidation",
    "Difference",
    "FoldedAccuracy",
    "GoodEnough",
    "checked_margin",
    "compare",
    "cross_validate",
    "make_arms",
    "order_arms",
    "order_tiles",
    "reference_size",
    "usual_arms",
    "verdict",
]
