"""What is chosen from a few options, and the defaults for how much is done."""

from typing import Literal

# What is equal for all arms of a study.
Budget = Literal["steps", "pixels"]

# What an arm of a comparison adds to plain whole images, or tiles. standard is a flip and a crop, and finetune
# means weights to start from with everything that goes with them.
# Only for tiles: how several tiles of an image make one prediction.
ARM_POOLINGS = ("top-k", "max", "noisy-or", "attention")
ARM_ADDITIONS = ("flip", "crop", "standard", "cutout", "cutmix", "mixup", "finetune", *ARM_POOLINGS)

# Tiles at multiples of the stride, or one more row and column flush with the far edges.
GridKind = Literal["aligned", "covering"]

# What a map says about a tile: the logits of it alone, or what the image's scores lose without it.
EvidenceKind = Literal["tile", "removal"]

# What replaces a tile that is removed: the image's mean colour, the blurred image, another image.
Fill = Literal["mean", "blur", "other"]

# The formats in which a network is written to run without us.
ExportFormat = Literal["onnx", "torchscript", "torch-export"]

# How a shortcut is removed: added to other classes' images too, its tiles silenced, the last layer fitted again
# on balanced images, or groups balanced in training.
RepairMethod = Literal["swap", "tiles", "last-layer", "groups"]

# What is done by default, in Python and on the command line.
# By how much of 255 the values of a blank tile differ at most: the noise of a scanner on empty glass.
DEFAULT_BLANK = 16
# Bytes that are processed at a time.
DEFAULT_MEMORY = 512 * 2**20
# The arms of a comparison, None for whole images; how many seeds each has, and what is equal for them.
DEFAULT_TILES: tuple[int | None, ...] = (16, 24, None)
DEFAULT_SEEDS = 3
DEFAULT_BUDGET: Budget = "steps"
# The number of test images on which the arms of whole images are asked about tiles.
DEFAULT_ON_TILES = 100
DEFAULT_GRID: GridKind = "covering"
DEFAULT_EVIDENCE: EvidenceKind = "tile"
DEFAULT_FILL: Fill = "mean"
# What fits the set and the machine (settings/auto.py).
AUTO = "auto"
DEFAULT_RECIPE = AUTO
DEFAULT_SPLIT = "test"
# The share of train that is held out if a set has no split for validation.
DEFAULT_VALIDATION = 0.1
# The number of images on which a diagnosis checks its maps.
FAITHFULNESS_IMAGES = 32
# From a diagnosis, every proven shortcut is removed.
ALL_VERDICTS = "all"
DEMO_OUT = "nearsight-demo"
