"""Studies: arms × seeds under a budget, and what their runs show."""

from nearsight.study.arms import Arm, make_arms, order_tiles, reference_size
from nearsight.study.comparing import compare
from nearsight.study.comparison import Accuracy, ArmResult, Comparison, Cost, Difference
from nearsight.study.verdicts import verdict

__all__ = [
    "Accuracy",
    "Arm",
    "ArmResult",
    "Comparison",
    "Cost",
    "Difference",
    "compare",
    "make_arms",
    "order_tiles",
    "reference_size",
    "verdict",
]
