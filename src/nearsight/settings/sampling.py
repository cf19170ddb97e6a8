"""How much of a set is measured."""

from dataclasses import dataclass, field, fields, replace

from nearsight.arguments import checked
from nearsight.errors import InputError
from nearsight.numbers import settle_numbers

# A power of two, because blocks of training images are joined in pairs into larger training sets.
MOST_BLOCKS = 32
# Of one kind of tile that is held at a time: bytes, or for test tiles vectors in float32.
_HELD_BYTES = 512 * 2**20


def _number(default: int, text: str, *, least: int = 1, **metadata: object) -> int:
    number: int = field(default=default, metadata={"help": text, "least": least, **metadata})
    return number


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How much of a set is measured: every number says what it was measured on.

    >>> Sampling().training_tiles
    100000

    Nearest neighbours are searched for among at most `training_tiles` tiles, the same number from each training
    image and at least one, for `tiles_per_test_image` tiles of each of `test_images` images. The intrinsic
    dimension is that of `points` tiles, one per image, from their `neighbours` nearest neighbours. The
    correlation of tiles of one image is that of two tiles of each of `pairs` images. What several tiles of an
    image are worth in images is measured on `example_images` training images; 0 leaves this out. `seed` fixes
    everything random. Raises `InputError` for a number out of range.
    """

    training_tiles: int = _number(100_000, "training tiles that are searched for the nearest one")
    test_images: int = _number(1_000, "test images whose tiles are compared with them")
    tiles_per_test_image: int = _number(9, "tiles of each test image")
    points: int = _number(5_000, "tiles, one per image, for the intrinsic dimension")
    neighbours: int = _number(10, "neighbours of each tile for Levina-Bickel", least=3)
    pairs: int = _number(2_000, "training images with two tiles each for the correlation")
    example_images: int = _number(
        10_000,
        "training images used to measure what several tiles of an image are worth in images; 0 leaves this out",
        least=0,
        # Files of the first schemas did not have this.
        was={2: 0},
    )
    seed: int = _number(0, "fixes everything random", least=0)

    def __post_init__(self) -> None:
        settle_numbers(self)
        for spec in fields(self):
            value, least = getattr(self, spec.name), spec.metadata["least"]
            if value < least:
                raise InputError(f"{spec.name} must be at least {least}, got {value}")

    @checked
    def within_memory(self, dimension: int, images: int) -> "Sampling":
        """Return the sampling of tiles of a dimension, with at most 512 MiB of any kind of tile held at once.

        >>> Sampling().within_memory(3 * 224 * 224, images=1_000_000).points
        3566
        """
        rows = max(1, _HELD_BYTES // dimension)
        return replace(
            self,
            training_tiles=min(self.training_tiles, rows * count_blocks(images)),
            test_images=min(self.test_images, max(1, rows // (4 * self.tiles_per_test_image))),
            points=min(self.points, rows),
            pairs=min(self.pairs, max(1, rows // 2)),
            # From a block, a thirty-second of the images, sixteen tiles of each image are held.
            example_images=min(self.example_images, 2 * rows),
        )


def count_blocks(images: int) -> int:
    """Return into how many blocks training images are divided: a power of two, at most 32.

    >>> count_blocks(50_000), count_blocks(5)
    (32, 4)
    """
    return min(MOST_BLOCKS, 1 << (images.bit_length() - 1))
