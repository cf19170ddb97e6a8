"""Networks by name, and the classifier that holds one with its preprocessing, class names and tile."""

from nearsight.models.build import build, model_names
from nearsight.models.classifier import (
    Architecture,
    Classifier,
    Preprocessing,
    load_classifier,
    save_classifier,
)
from nearsight.models.reach import Reach, reach

__all__ = [
    "Architecture",
    "Classifier",
    "Preprocessing",
    "Reach",
    "build",
    "load_classifier",
    "model_names",
    "reach",
    "save_classifier",
]
