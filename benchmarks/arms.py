"""The arms whose training time to an accuracy is measured: recipes and how long each is trained, for each set."""

from typing import Any

# For airbench94: what a held-out tenth of train preferred for each of these arms (docs/notebook/training.md).
_TUNED = {"batch_size": 250, "learning_rate": 0.12, "weight_decay": 5e-4}
# With 5,000 images, a batch of 2,000 would make five steps in two epochs.
_SMALL_SET = {"width": 0.5, "batch_size": 125, "learning_rate": 0.06, "weight_decay": 2.5e-4}

ARMS: dict[str, dict[str, dict[str, Any]]] = {
    "cifar10": {
        "airbench94": {
            "recipe": "airbench94",
            "fields": {},
            "lengths": (1, 1.5, 2, 2.5, 3, 4),
            "stride": None,
        },
        "resnet18": {"recipe": "standard", "fields": {}, "lengths": (3,), "stride": None},
        "whole": {
            "recipe": "airbench94",
            "fields": _TUNED,
            "lengths": (0.75, 1, 1.5, 2, 4, 8, 16, 28),
            "stride": None,
        },
        # For accelerators: 60 TFLOP per epoch are too many for a processor.
        "whole, twice as wide": {
            "recipe": "airbench94",
            "fields": {"width": 2.0},
            "lengths": (),
            "stride": None,
        },
        "16 to whole": {
            "recipe": "airbench94",
            "fields": _TUNED | {"tile_schedule": "16@0.5,24@0.75"},
            "lengths": (1, 2, 4, 8),
            "stride": None,
        },
        "tile 16": {
            "recipe": "fast",
            "fields": _TUNED | {"tile": 16},
            "lengths": (8,),
            "stride": 4,
        },
        "4 tiles of 16": {
            "recipe": "fast",
            "fields": _TUNED | {"tile": 16, "tiles_per_image": 4, "batch_size": 125},
            "lengths": (10,),
            "stride": 4,
        },
        "all tiles of 16": {
            "recipe": "tilenet-pooled",
            "fields": {},
            "lengths": (1, 2, 4, 28),
            "stride": None,
        },
    },
    "stl10": {
        "whole": {
            "recipe": "airbench94",
            "fields": _SMALL_SET | {"learning_rate": 0.24, "crop_padding": 12},
            "lengths": (3, 10, 105),
            "stride": None,
        },
        "tile 32": {
            "recipe": "airbench94",
            "fields": _SMALL_SET | {"tile": 32},
            "lengths": (30, 100, 420),
            "stride": 8,
        },
        "4 tiles of 32": {
            "recipe": "airbench94",
            "fields": _SMALL_SET | {"tile": 32, "tiles_per_image": 4},
            "lengths": (8, 25, 213),
            "stride": 8,
        },
        "all tiles of 32": {
            "recipe": "tilenet-pooled",
            "fields": _SMALL_SET | {"model_tile": 32, "learning_rate": 0.12, "crop_padding": 12},
            "lengths": (2, 6.5, 62),
            "stride": None,
        },
        # A part of the image per step, with 25 of its 81 tiles: half the arithmetic, and more passes.
        "all tiles of 32, in parts": {
            "recipe": "tilenet-pooled",
            "fields": _SMALL_SET
            | {"model_tile": 32, "learning_rate": 0.12, "crop_padding": 12, "tile_schedule": "64@0.8"},
            "lengths": (12, 115),
            "stride": None,
        },
    },
}
