"""What the commands do, as Python functions of the same names."""

from nearsight.verbs.compare import compare
from nearsight.verbs.demo import demo
from nearsight.verbs.diagnose import diagnose
from nearsight.verbs.dimension import dimension
from nearsight.verbs.evaluate import evaluate
from nearsight.verbs.heatmap import heatmap
from nearsight.verbs.places import default_comparison, default_diagnosis, default_dimension, default_run
from nearsight.verbs.sources import is_first_process
from nearsight.verbs.train import train

__all__ = [
    "compare",
    "default_comparison",
    "default_diagnosis",
    "default_dimension",
    "default_run",
    "demo",
    "diagnose",
    "dimension",
    "evaluate",
    "heatmap",
    "is_first_process",
    "train",
]
