"""The names of the networks."""

# The prefix of the name of one of timm's networks.
TIMM = "timm:"
# The suffix of files that hold an ONNX network.
ONNX = ".onnx"
# The prefix of the name of a given network, because no name could build it.
CUSTOM = "custom:"

TILENET, TILENET_POOLED = "tilenet", "tilenet-pooled"
# Those that see exactly one tile and, for a larger image, give the mean over its tiles.
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
