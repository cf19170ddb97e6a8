"""What the commands do, as Python functions of the same names."""

from nearsight.verbs._compare import compare
from nearsight.verbs._demo import demo
from nearsight.verbs._diagnose import diagnose
from nearsight.verbs._dimension import dimension
from nearsight.verbs._embed import embed
from nearsight.verbs._evaluate import evaluate
from nearsight.verbs._export import export
from nearsight.verbs._heatmap import heatmap
from nearsight.verbs._pack import pack
from nearsight.verbs._predict import predict
from nearsight.verbs._repair import repair
from nearsight.verbs._report import report
from nearsight.verbs._train import train
from nearsight.verbs._verify import verify
from nearsight.verbs.default_directories import (
    default_comparison,
    default_diagnosis,
    default_dimension,
    default_repair,
    default_run,
)

__all__ = [
    "compare",
    "default_comparison",
    "default_diagnosis",
    "default_dimension",
    "default_repair",
    "default_run",
    "demo",
    "diagnose",
    "dimension",
    "embed",
    "evaluate",
    "export",
    "heatmap",
    "pack",
    "predict",
    "repair",
    "report",
    "train",
    "verify",
]
