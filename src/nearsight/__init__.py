"""Nearsight: train image classifiers on tiles, compare them with whole images, see what they look at.

>>> import nearsight
>>> nearsight.load("digits").classes[:3]
('0', '1', '2')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nearsight.allocator import keep_freed_memory
    from nearsight.data import ImageSet, ImageSets, load, summarise
    from nearsight.diagnosis import Diagnosis
    from nearsight.errors import InputError
    from nearsight.evaluation import Evaluation
    from nearsight.evidence import EvidenceMap
    from nearsight.models import Classifier, build, receptive_field
    from nearsight.report import Heatmaps
    from nearsight.runs import Run
    from nearsight.settings import RECIPES, Machine, Recipe, Sampling
    from nearsight.study import Comparison, Dimension
    from nearsight.tiles import TileGrid
    from nearsight.verbs import compare, demo, diagnose, dimension, evaluate, heatmap, train

_HOMES = {
    "Classifier": "models",
    "Comparison": "study",
    "Diagnosis": "diagnosis",
    "Dimension": "study",
    "Evaluation": "evaluation",
    "EvidenceMap": "evidence",
    "Heatmaps": "report",
    "ImageSet": "data",
    "ImageSets": "data",
    "InputError": "errors",
    "Machine": "settings",
    "RECIPES": "settings",
    "Recipe": "settings",
    "Run": "runs",
    "Sampling": "settings",
    "TileGrid": "tiles",
    "build": "models",
    "compare": "verbs",
    "demo": "verbs",
    "diagnose": "verbs",
    "dimension": "verbs",
    "evaluate": "verbs",
    "heatmap": "verbs",
    "keep_freed_memory": "allocator",
    "load": "data",
    "receptive_field": "models",
    "summarise": "data",
    "train": "verbs",
}

__all__ = [
    "RECIPES",
    "Classifier",
    "Comparison",
    "Diagnosis",
    "Dimension",
    "Evaluation",
    "EvidenceMap",
    "Heatmaps",
    "ImageSet",
    "ImageSets",
    "InputError",
    "Machine",
    "Recipe",
    "Run",
    "Sampling",
    "TileGrid",
    "build",
    "compare",
    "demo",
    "diagnose",
    "dimension",
    "evaluate",
    "heatmap",
    "keep_freed_memory",
    "load",
    "receptive_field",
    "summarise",
    "train",
]


def __getattr__(name: str) -> Any:
    # Public names come with their room when first used, so that importing the package stays cheap.
    if name == "evidence":
        return import_module("nearsight.evidence")
    if name not in _HOMES:
        raise AttributeError(f"module 'nearsight' has no attribute '{name}'")
    return getattr(import_module(f"nearsight.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
