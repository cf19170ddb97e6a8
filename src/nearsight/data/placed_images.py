"""Images whose files are parts of larger files: members of a tar, or cells of Parquet."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Features

IMAGE = "image"


def placed_images() -> "Features":
    """Return the type of a column `image` of such images: its `path`, and `size` bytes from `offset` on in `shard`.

    >>> is_placed(placed_images()["image"]), is_placed({"bytes": None, "path": None})
    (True, False)
    """
    from datasets import Features, Value

    text, number = Value("string"), Value("int64")
    image = {"bytes": Value("binary"), "path": text, "shard": text, "offset": number, "size": number}
    return Features({IMAGE: image})


def is_placed(kind: object) -> bool:
    """Whether the images of a column of this type are parts of larger files, their shards."""
    return isinstance(kind, dict) and "shard" in kind
