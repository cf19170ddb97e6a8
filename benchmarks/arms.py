"""The arms whose training time to an accuracy is measured: recipes and how long each is trained, for each set."""

from typing import Any

_WHOLE = {"tile": "full", "crop_padding": 2}

ARMS: dict[str, dict[str, dict[str, Any]]] = {
    "cifar10": {
        "airbench94": {"recipe": "airbench94", "fields": {}, "lengths": (1, 2, 4, 8), "stride": None},
        "resnet18": {"recipe": "standard", "fields": {}, "lengths": (3,), "stride": None},
        "whole": {"recipe": "fast", "fields": _WHOLE, "lengths": (1, 2, 4), "stride": None},
        "tile 16": {"recipe": "fast", "fields": {"tile": 16}, "lengths": (4, 8, 16, 32), "stride": 4},
        "16 to whole": {
            "recipe": "fast",
            "fields": _WHOLE | {"tile_schedule": "16@0.5,24@0.75"},
            "lengths": (1, 2, 4, 8),
            "stride": None,
        },
    },
    "stl10": {
        "airbench94": {"recipe": "airbench94", "fields": {}, "lengths": (8,), "stride": None},
        "whole": {"recipe": "fast", "fields": _WHOLE, "lengths": (8,), "stride": None},
        "tile 32": {"recipe": "fast", "fields": {"tile": 32}, "lengths": (16,), "stride": 8},
        "tile 48": {"recipe": "fast", "fields": {"tile": 48}, "lengths": (16,), "stride": 12},
    },
}
