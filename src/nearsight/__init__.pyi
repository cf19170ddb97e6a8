from .allocator import keep_freed_memory
from .data import ImageSet, ImageSets, load, summarise
from .diagnosis import Diagnosis
from .dimension import Dimension
from .errors import InputError
from .evaluation import Evaluation, Predictions
from .evidence import EvidenceMap, TiledModel, evidence
from .models import Classifier, build, receptive_field
from .progress import Progress
from .repair import Repair
from .report import Demonstration, Heatmaps
from .runs import Run
from .settings import RECIPES, Machine, Recipe, Sampling
from .study import Comparison, CrossValidation
from .tiles import TileGrid
from .verbs import (
    compare,
    demo,
    diagnose,
    dimension,
    embed,
    evaluate,
    export,
    heatmap,
    pack,
    predict,
    repair,
    report,
    train,
    verify,
)

__all__ = [
    "RECIPES",
    "Classifier",
    "Comparison",
    "CrossValidation",
    "Demonstration",
    "Diagnosis",
    "Dimension",
    "Evaluation",
    "EvidenceMap",
    "Heatmaps",
    "ImageSet",
    "ImageSets",
    "InputError",
    "Machine",
    "Predictions",
    "Progress",
    "Recipe",
    "Repair",
    "Run",
    "Sampling",
    "TileGrid",
    "TiledModel",
    "build",
    "compare",
    "demo",
    "diagnose",
    "dimension",
    "embed",
    "evaluate",
    "evidence",
    "export",
    "heatmap",
    "keep_freed_memory",
    "load",
    "pack",
    "predict",
    "receptive_field",
    "repair",
    "report",
    "summarise",
    "train",
    "verify",
]

__version__: str
