"""What is chosen from a few, and how much is done unless something else is asked for."""

from typing import Literal

# What is held equal between the arms of a study.
Budget = Literal["steps", "pixels"]

# What an arm of a comparison adds to whole images, or tiles, as they are; standard is a flip and a crop, and finetune
# weights to start from with all that goes with them.
# Of tiles alone, how several of an image make one prediction.
ARM_POOLINGS = ("top-k", "max", "noisy-or", "attention")
ARM_ADDITIONS = ("flip", "crop", "standard", "cutout", "cutmix", "mixup", "finetune", *ARM_POOLINGS)

# Tiles at multiples of the stride, or one more row and column flush with the far edges.
GridKind = Literal["aligned", "covering"]

# What a map says of a tile: the logits of it alone, or what the image's scores lose without it.
EvidenceKind = Literal["tile", "removal"]

# What a tile is replaced by where it is removed: the image's mean colour, the image blurred, another image.
Fill = Literal["mean", "blur", "other"]

# What a network is written as, to run without us.
ExportFormat = Literal["onnx", "torchscript", "torch-export"]

# How a shortcut is removed: put on other classes' images too, its tiles silenced, the last layer fitted again on
# balanced images, or groups balanced in training.
RepairMethod = Literal["swap", "tiles", "last-layer", "groups"]

# What is done unless something else is asked for, in Python as on the command line.
# By how much of 255 the values of a blank tile differ at most: the noise of a scanner on empty glass.
DEFAULT_BLANK = 16
# Bytes that are worked on at once.
DEFAULT_MEMORY = 512 * 2**20
# The arms of a comparison, None for whole images; how many seeds each has, and what is equal between them.
DEFAULT_TILES: tuple[int | None, ...] = (16, 24, None)
DEFAULT_SEEDS = 3
DEFAULT_BUDGET: Budget = "steps"
# On how many test images the arms of whole images are asked about tiles.
DEFAULT_ON_TILES = 100
DEFAULT_GRID: GridKind = "covering"
DEFAULT_EVIDENCE: EvidenceKind = "tile"
DEFAULT_FILL: Fill = "mean"
# What fits the set and the machine (settings/auto.py).
AUTO = "auto"
DEFAULT_RECIPE = AUTO
DEFAULT_SPLIT = "test"
# The share of train that is cut off where a set has no split for validation.
DEFAULT_VALIDATION = 0.1
# On how many images a diagnosis checks its maps.
FAITHFULNESS_IMAGES = 32
# Of a diagnosis, every shortcut that is proven is removed.
ALL_VERDICTS = "all"
DEMO_OUT = "nearsight-demo"
