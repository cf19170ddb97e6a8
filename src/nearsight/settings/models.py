"""The names of the networks."""

# What stands before the name of one of timm's networks.
TIMM = "timm:"
# How the names of files end that hold a network of ONNX.
ONNX = ".onnx"
# What stands before the name of a network that is given, as no name could build it.
CUSTOM = "custom:"

TILENET, TILENET_POOLED = "tilenet", "tilenet-pooled"
# Those that see exactly one tile, and of a larger image the mean over its tiles.
ONE_TILE = (TILENET, TILENET_POOLED)

MODELS = (
    "airbench",
    "airbench94",
    "resnet9",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet18-imagenet",
    "resnet34-imagenet",
    "resnet50-imagenet",
    *ONE_TILE,
)
