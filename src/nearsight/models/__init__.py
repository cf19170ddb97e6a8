"""Networks by name, and the classifier that holds one with its preprocessing, class names and tile."""

from nearsight.models.building import build
from nearsight.models.classifier import Architecture, Classifier
from nearsight.models.pooled_tile_net import PooledTileNet
from nearsight.models.preprocessing import Preprocessing
from nearsight.models.published import published_classifier
from nearsight.models.receptive_fields import ReceptiveField, receptive_field
from nearsight.models.saved_classifiers import load_classifier, save_classifier
from nearsight.models.tile_net import TileNet

__all__ = [
    "Architecture",
    "Classifier",
    "PooledTileNet",
    "Preprocessing",
    "ReceptiveField",
    "TileNet",
    "build",
    "load_classifier",
    "published_classifier",
    "receptive_field",
    "save_classifier",
]
