"""The result of measuring a set's tiles, as typed rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.arguments import checked
from nearsight.dimension.bound import Bound
from nearsight.dimension.coverage import Coverage
from nearsight.dimension.examples import Examples
from nearsight.dimension.intrinsic import Estimator
from nearsight.dimension.order import SideBySide
from nearsight.dimension.several_tiles import Place
from nearsight.dimension.spaces import Space
from nearsight.dimension.tile_dimensions import IntrinsicDimension
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.read import belonging_together
from nearsight.rows import from_values, read_result, to_values
from nearsight.schema import numbered
from nearsight.settings import Sampling
from nearsight.statistics import Estimate
from nearsight.statistics.writing import three_digits, with_interval
from nearsight.write import write_json

if TYPE_CHECKING:
    from pandas import DataFrame

DIMENSION = "dimension.json"

UNITS = {
    "value, low, high": "a number and the ends of its 95 % interval, over n of what `covers` names; null with a "
    "reason where there is none",
    "raw": "distances between tiles as pixels from 0 to 1",
    "normalised": "distances between tiles without their own mean and contrast; two unrelated tiles are about "
    "the root of twice the input dimension apart",
    "tiles": "tiles of all training images at every position",
    "effective": "independent tiles whose mean varies as much as that of these; no number of examples",
    "examples": "what several tiles of each image are worth: by_distance and by_label are how many times the "
    "training images cover as well, or have as often the right label, with one tile each",
    "relative": "mean distance to the nearest training tile over that to a random one; lower is better covered",
    "slope": "of log distance to the nearest tile against log training images; theory: −1/dimension",
    "agreement": "share from 0 to 1, of test tiles or of test images; higher is better",
    "seconds, cpu_seconds": "by the clock and of the processor, on the machine that measured",
}


@dataclass(frozen=True)
class Sampled:
    """What a tile size was measured on."""

    training_images: int
    training_tiles: int
    test_images: int
    test_tiles: int


@dataclass(frozen=True)
class TileDimension:
    """Everything measured for one tile size; `tile` is None for whole images.

    `tiles` counts every position in the training images, `input_dimension` counts three channels. `correlation`,
    `effective` and `coverage` are by space. So is `examples`, which also has the embedding of a given model; it
    is empty if it was left out.
    """

    tile: int | None
    height: int
    width: int
    input_dimension: int
    tiles: int
    correlation: Mapping[Space, Estimate]
    effective: Mapping[Space, Estimate]
    intrinsic: tuple[IntrinsicDimension, ...]
    coverage: Mapping[Space, Coverage]
    bound: Bound
    sampled: Sampled
    seconds: float
    cpu_seconds: float
    examples: Mapping[Place, Examples] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The tile size as in a sentence: its side, or full."""
        return tile_name(self.tile)

    def dimension(self, estimator: Estimator, space: Space = "raw") -> IntrinsicDimension:
        """Return the intrinsic dimension by an estimator."""
        return next(row for row in self.intrinsic if (row.estimator, row.space) == (estimator, space))


@dataclass(frozen=True, repr=False)
class Dimension(Shown):
    """The dimensions of a set's tiles, tile size by tile size, and what they predict.

    >>> found = Dimension.load("docs/results/dimension/cifar10")
    >>> [row.label for row in found.tiles], found.training_images
    (['4', '8', '12', '16', '24', 'full'], 50000)

    `chance` is how often the label of a random training tile is right, `commonest` how often that of the most
    common class is. `comparison` holds predicted and measured orders of tile sizes, if a comparison was given,
    and `embedding` names the model in whose embedding tiles were also compared. `command` is what was typed to
    measure them; empty if Python did, and in older files.
    """

    data: str
    split: str
    classes: int
    training_images: int
    test_images: int
    chance: float
    commonest: float
    sampling: Sampling
    tiles: tuple[TileDimension, ...]
    comparison: SideBySide | None
    notes: tuple[str, ...]
    embedding: str | None = None
    command: str = ""

    def sentences(self) -> tuple[str, ...]:
        """Return what was found, in sentences, each with its numbers.

        >>> Dimension.load("docs/results/dimension/cifar10").sentences()[0]
        'cifar10: 50,000 training images, 10 classes.'
        """
        from nearsight.dimension.words import sentences

        return sentences(self)

    def words(self) -> str:
        """Return the `sentences` as one paragraph.

        >>> Dimension.load("docs/results/dimension/cifar10").words()[:44]
        'cifar10: 50,000 training images, 10 classes.'
        """
        return " ".join(self.sentences())

    def table(self) -> "DataFrame":
        """Return the numbers as a pandas table, one row per tile size; what could not be measured is missing.

        >>> Dimension.load("docs/results/dimension/cifar10").table().columns[:2].tolist()
        ['input dimension', 'tiles']
        """
        from pandas import DataFrame

        return DataFrame([_row(row) for row in self.tiles]).set_index("tile")

    def _summary(self) -> Summary:
        rows = [
            (
                row.label,
                f"{row.input_dimension:,}",
                f"{row.tiles:,}",
                with_interval(row.dimension("levina-bickel").estimate, three_digits),
                with_interval(row.coverage["raw"].relative, three_digits),
            )
            for row in self.tiles
        ]
        return Summary(
            f"Dimension({self.data}, {counted(self.training_images, 'training image')}; 95 % intervals over images)",
            ("tile", "input dimension", "tiles", "intrinsic dimension", "nearest over random distance"),
            rows,
            self.sentences(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, with units: the content of dimension.json.

        >>> Dimension.load("docs/results/dimension/cifar10").to_json()["data"]
        'cifar10'
        """
        return numbered("dimension", {"words": self.words(), **to_values(self), "units": UNITS})

    @checked
    def save(self, directory: str | Path) -> None:
        """Write dimension.json into a directory, whole or not at all.

        >>> import tempfile
        >>> Dimension.load("docs/results/dimension/cifar10").save(copy := tempfile.mkdtemp())
        >>> Dimension.load(copy).data
        'cifar10'
        """
        write_json(Path(directory) / DIMENSION, self.to_json())

    @staticmethod
    @checked
    def load(directory: str | Path) -> "Dimension":
        """Read what `save` left in a directory.

        >>> Dimension.load("docs/results/dimension/cifar10").data
        'cifar10'

        Raises `InputError` if there is nothing, and for a file that is damaged or of a newer version.
        """
        path = Path(directory) / DIMENSION
        schema, values = read_result("dimension", path, "dimension")
        # Both follow from the rest.
        rows = {name: value for name, value in values.items() if name not in ("words", "units")}
        found = from_values(Dimension, rows, path, schema=schema)
        with belonging_together(path, "run `nearsight dimension` again"):
            found._summary()
            _ = [_row(row) for row in found.tiles]
        return found


def tile_name(tile: int | None) -> str:
    """Return a tile size as in options and tables.

    >>> tile_name(16), tile_name(None)
    ('16', 'full')
    """
    return "full" if tile is None else str(tile)


def _row(row: TileDimension) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tile": row.label,
        "input dimension": row.input_dimension,
        "tiles": row.tiles,
    }
    for space in row.coverage:
        found[f"effective tiles, {space}"] = row.effective[space].value
    for measured in row.intrinsic:
        found[f"{measured.estimator}, {measured.space}"] = measured.estimate.value
    for space, coverage in row.coverage.items():
        found[f"relative distance, {space}"] = coverage.relative.value
        found[f"slope, {space}"] = coverage.slope.value
        found[f"tile agreement, {space}"] = coverage.tile_agreement.value
        found[f"image agreement, {space}"] = coverage.image_agreement.value
    for place, examples in row.examples.items():
        for worth in examples.worth:
            if worth.images == examples.worth[0].images:
                found[f"{worth.tiles} tiles in images, {place}"] = worth.by_distance.value
                found[f"{worth.tiles} tiles in images by label, {place}"] = worth.by_label.value
    return found | {"bound's distance over diameter": row.bound.radius / row.bound.diameter}
