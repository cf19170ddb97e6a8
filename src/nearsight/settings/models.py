"""The names of the networks, and of the files that hold their weights."""

from pathlib import Path

# The prefix of the name of one of timm's networks.
TIMM = "timm:"
# The suffix of files that hold an ONNX network.
ONNX = ".onnx"
# How the names of files of weights end: of safetensors, and of torch.save.
SAFETENSORS = ".safetensors"
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".tar")
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


def is_weights_file(name: str) -> bool:
    """Say whether a name is that of a file of weights, and not of a directory, such as a run's.

    >>> is_weights_file("resnet18.pth"), is_weights_file("runs/first")
    (True, False)
    """
    return Path(name).suffix in (SAFETENSORS, *PICKLED) and not Path(name).is_dir()
