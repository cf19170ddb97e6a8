"""Images by name, folder, Parquet or hub: their splits, labels, class names and regions."""

from nearsight.data.conversion import to_pixels
from nearsight.data.decode import decode_image
from nearsight.data.image_set import (
    GivenImages,
    ImageSet,
    ImageSets,
    MemoryImages,
    StreamedImages,
    require_tile,
)
from nearsight.data.loading import known_names, load
from nearsight.data.scenes import SceneImages, draw_scenes
from nearsight.data.sources import Data, image_sets
from nearsight.data.summary import summarise

__all__ = [
    "Data",
    "GivenImages",
    "ImageSet",
    "ImageSets",
    "MemoryImages",
    "SceneImages",
    "StreamedImages",
    "decode_image",
    "draw_scenes",
    "image_sets",
    "known_names",
    "load",
    "require_tile",
    "summarise",
    "to_pixels",
]
