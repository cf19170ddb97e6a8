"""The evidence map: the logits of every tile of an image, or how much its scores fall without each tile."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, SupportsIndex

import torch
from torch import Tensor

from nearsight.arguments import check, checked
from nearsight.errors import InputError, unknown_name
from nearsight.evidence.kinds import Kind, Removal
from nearsight.evidence.storage import load_logits, save_logits
from nearsight.models.several_tiles import attended_mean, noisy_or_odds, top_k_mean
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted, whole
from nearsight.rows import from_values
from nearsight.settings.pooled import BY_MEAN, Pooling, no_attention
from nearsight.settings.protocols import ATTENTION, MAX, MEAN_LOGIT, NOISY_OR, TOP_K
from nearsight.statistics.writing import signed
from nearsight.tiles import TileGrid

if TYPE_CHECKING:
    import pyarrow
    from matplotlib.figure import Figure

_FIRST_SORTED = 1024
# Rows of pixels that are processed in float64 at a time.
_STRIP = 64


@dataclass(frozen=True)
class TileEvidence:
    """One tile's evidence for a class: its number in row-major order, where it is, and its logit.

    `row` and `column` count tiles, `top` and `left` pixels.
    """

    index: int
    row: int
    column: int
    top: int
    left: int
    evidence: float


@dataclass(frozen=True)
class _Description:
    """What a file says about its logits."""

    grid: TileGrid
    classes: tuple[str, ...]
    removal: Removal | None = None
    pooling: Pooling = BY_MEAN
    attends: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class EvidenceMap(Shown):
    """The evidence of every tile of an image: signed logits, neither clipped nor scaled.

    >>> grid = TileGrid(4, 6, tile=4, stride=2)
    >>> tiles = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]]), grid, ("cat", "dog"))
    >>> tiles.mean().tolist(), tiles.vote().tolist()
    ([2.0, 1.0], [0.5, 0.5])

    `logits` is a float tensor of shape (classes, rows, columns), with the rows and columns of `grid`. A class is
    given as a name in `classes` or a number from 0.

    By default, a tile's logits are those of the tile alone. A map with a `removal` has instead what the image's
    scores lose, in logits, if the tile is replaced: `TiledModel.removal_maps`. A tile that was skipped has NaN
    for every class, and counts in no score. `pooling` is how the tiles make one prediction: the mean, unless the
    model was trained with another. `attention`, float (rows, columns), is that of each tile before the softmax,
    for a network that was trained with it. Raises `InputError` if the shape, the grid and the class names do not
    match.
    """

    logits: Tensor
    grid: TileGrid
    classes: tuple[str, ...]
    removal: Removal | None = None
    pooling: Pooling = BY_MEAN
    attention: Tensor | None = None

    def __post_init__(self) -> None:
        check("logits", self.logits, Tensor)
        check("grid", self.grid, TileGrid)
        check("classes", self.classes, Sequence)
        check("removal", self.removal, Removal | None)
        check("pooling", self.pooling, Pooling)
        check("attention", self.attention, Tensor | None)
        expected = (len(self.classes), *self.grid.shape)
        if tuple(self.logits.shape) != expected:
            raise InputError(
                f"logits have shape {tuple(self.logits.shape)}, but "
                f"{counted(len(self.classes), 'class', 'classes')} on a grid of "
                f"{self.grid.shape[0]}×{self.grid.shape[1]} tiles make {expected}"
            )
        if self.attention is not None and tuple(self.attention.shape) != self.grid.shape:
            raise InputError(
                f"attention has shape {tuple(self.attention.shape)}, but the grid has {self.grid.shape[0]}×"
                f"{self.grid.shape[1]} tiles"
            )
        if self.removal is not None and len(self.removal.scores) != len(self.classes):
            raise InputError(
                f"the whole image has {len(self.removal.scores)} scores, but there are "
                f"{counted(len(self.classes), 'class', 'classes')}"
            )

    @property
    def kind(self) -> Kind:
        """What a value means: `tile`, the logit of the tile alone, or `removal`, what is lost without the tile."""
        return "tile" if self.removal is None else "removal"

    @property
    def protocol(self) -> str:
        """The protocol that the `scores` are of, such as `mean-logit`."""
        return self.pooling.protocol if self.removal is None else self.removal.protocol

    @property
    def words(self) -> str:
        """What a value of the map is.

        >>> EvidenceMap(torch.zeros(1, 1, 1), TileGrid(4, 4, tile=4, stride=4), ("cat",)).words
        'evidence of a tile'
        """
        return "evidence of a tile" if self.removal is None else self.removal.words

    @property
    def skipped(self) -> Tensor:
        """Which tiles were skipped, bool of shape (rows, columns)."""
        return self.logits[0].isnan()

    def _looked_at(self) -> Tensor:
        """Return the logits of the tiles that were not skipped, (classes, tiles) or (classes, rows, columns)."""
        skipped = self.skipped
        return self.logits[:, ~skipped] if bool(skipped.any()) else self.logits

    def _tiles(self) -> Tensor:
        """Return the logits of the tiles that were not skipped, (tiles, classes)."""
        return self._looked_at().flatten(1).T

    def scores(self) -> Tensor:
        """Return the image's scores, float of shape (classes,): those of all tiles together, or those of its removal.

        >>> tiles = torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]])
        >>> grid = TileGrid(4, 6, tile=4, stride=2)
        >>> EvidenceMap(tiles, grid, ("cat", "dog")).scores().tolist()
        [2.0, 1.0]
        >>> EvidenceMap(tiles, grid, ("cat", "dog"), pooling=Pooling("max")).scores().tolist()
        [3.0, 2.0]

        By default the mean of the tiles; with another `pooling` the scores of its protocol.
        """
        if self.removal is None:
            return POOLED_SCORES[self.pooling.protocol](self)
        return torch.tensor(self.removal.scores, dtype=self.logits.dtype)

    def mean(self) -> Tensor:
        """Return the mean of the tiles' logits, float of shape (classes,): the scores of `mean-logit`.

        >>> tiles = torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]])
        >>> EvidenceMap(tiles, TileGrid(4, 6, tile=4, stride=2), ("cat", "dog")).mean().tolist()
        [2.0, 1.0]

        Skipped tiles do not count.
        """
        looked_at = self._looked_at()
        return looked_at.mean(tuple(range(1, looked_at.ndim)))

    def top_k(self) -> Tensor:
        """Return for each class the mean of its strongest tiles, float of shape (classes,): the scores of `top-k`.

        >>> tiles = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 2.0, 1.0]]])
        >>> EvidenceMap(tiles, TileGrid(2, 6, 2, 2), ("cat", "dog"), pooling=Pooling(top_k=2)).top_k().tolist()
        [2.0, 1.5]

        The `pooling` says how many that is. Raises `InputError` for more than there are.
        """
        tiles = self._tiles()
        return top_k_mean(tiles, self.pooling.count(len(tiles)))

    def max(self) -> Tensor:
        """Return the largest logit of each class, float of shape (classes,): the scores of `max`.

        >>> tiles = torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]])
        >>> EvidenceMap(tiles, TileGrid(4, 6, tile=4, stride=2), ("cat", "dog")).max().tolist()
        [3.0, 2.0]
        """
        return self._tiles().amax(0)

    def noisy_or(self) -> Tensor:
        """Return for each class the log-odds that at least one tile shows it, float (classes,): those of `noisy-or`.

        >>> tiles = torch.tensor([[[0.0, 0.0]]])  # each tile shows the class with probability 0.5
        >>> EvidenceMap(tiles, TileGrid(4, 6, tile=4, stride=2), ("cat",)).noisy_or().sigmoid()
        tensor([0.7500])

        Their sigmoid is 1 − Π (1 − p), with p the sigmoid of a tile's logit.
        """
        return noisy_or_odds(self._tiles())

    def attended(self) -> Tensor:
        """Return the mean of the tiles' logits by their attention, float (classes,): the scores of `attention`.

        >>> tiles, attention = torch.tensor([[[3.0, 1.0]]]), torch.tensor([[0.0, -torch.inf]])
        >>> EvidenceMap(tiles, TileGrid(4, 6, 4, 2), ("cat",), attention=attention).attended().tolist()
        [3.0]

        Raises `InputError` for a network that was trained without it.
        """
        if self.attention is None:
            raise no_attention()
        return attended_mean(self._tiles(), self.attention[~self.skipped])

    @checked
    def counted(self, name: str | SupportsIndex) -> Tensor | None:
        """Return the weight of each tile in a class's score, float (rows, columns), from 0 to 1, with sum 1.

        >>> tiles = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 2.0, 1.0]]])
        >>> found = EvidenceMap(tiles, TileGrid(2, 6, 2, 2), ("cat", "dog"), pooling=Pooling("top-k", top_k=2))
        >>> found.counted("dog").tolist()
        [[0.0, 0.5, 0.5]]

        Under `top-k` and `max`, only the strongest tiles have weight; under `attention`, each has its attention.
        None if all count alike (the mean), if the score is no sum (noisy-or), and in a removal map.
        """
        number = self.class_number(name)
        if self.removal is not None or self.pooling.name in ("mean", "noisy-or"):
            return None
        if self.pooling.name == "attention":
            if self.attention is None:
                return None
            attention = self.attention.masked_fill(self.skipped, -torch.inf)
            return attention.flatten().softmax(0).view(self.grid.shape)
        strongest = self._strongest(number)
        shares = torch.zeros_like(self.logits[number]).flatten()
        shares[strongest] = 1 / len(strongest)
        return shares.view(self.grid.shape)

    @checked
    def counting(self, name: str | SupportsIndex) -> tuple[int, ...] | None:
        """Return the numbers of the tiles that make a class's score, the most important first.

        >>> tiles = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 2.0, 1.0]]])
        >>> EvidenceMap(tiles, TileGrid(2, 6, 2, 2), ("cat", "dog"), pooling=Pooling("max")).counting("dog")
        (1,)

        Under `top-k` and `max`, these are all tiles that count; under `attention`, the fewest that have half of
        it. None if all count alike, and if the score is no sum.
        """
        counted = self.counted(name)
        if counted is None:
            return None
        if self.pooling.name != "attention":
            return tuple(self._strongest(self.class_number(name)))
        shares, order = counted.flatten().sort(descending=True, stable=True)
        return tuple(order[: int((shares.double().cumsum(0) < 0.5).sum()) + 1].tolist())

    def _strongest(self, number: int) -> list[int]:
        """Return the numbers of the tiles whose mean is a class's score under `top-k` and `max`."""
        flat = self.logits[number].flatten().nan_to_num(-torch.inf)
        count = 1 if self.pooling.name == "max" else self.pooling.count(int((~self.skipped).sum()))
        return list(islice(_in_order(flat, largest=True), count))

    def probabilities(self) -> Tensor:
        """Return the mean of the tiles' softmax, float of shape (classes,): `mean-probability`'s scores.

        >>> tiles = torch.tensor([[[9.0, 0.0]], [[9.0, 0.0]]])
        >>> EvidenceMap(tiles, TileGrid(4, 6, tile=4, stride=2), ("cat", "dog")).probabilities().tolist()
        [0.5, 0.5]
        """
        shares = self._looked_at().softmax(0)
        return shares.mean(tuple(range(1, shares.ndim)))

    def vote(self) -> Tensor:
        """Return the share of tiles that choose each class, float of shape (classes,): the scores of `vote`.

        >>> tiles = torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]])
        >>> EvidenceMap(tiles, TileGrid(4, 6, tile=4, stride=2), ("cat", "dog")).vote().tolist()
        [0.5, 0.5]

        A tile chooses its largest logit; if logits are equal, the class that comes first.
        """
        chosen = self._looked_at().argmax(0).flatten()
        return torch.bincount(chosen, minlength=len(self.classes)).to(self.logits.dtype) / len(chosen)

    @checked
    def class_number(self, name: str | SupportsIndex) -> int:
        """Return the number of a class; raises `InputError` for one that does not exist, with the nearest.

        >>> EvidenceMap(torch.zeros(2, 1, 1), TileGrid(4, 4, tile=4, stride=1), ("cat", "dog")).class_number("dog")
        1
        """
        if not isinstance(name, str):
            number = whole("name", name)
            if not 0 <= number < len(self.classes):
                raise InputError(
                    f"class {number} does not exist; the classes are 0 to {len(self.classes) - 1}"
                )
            return number
        if name not in self.classes:
            raise unknown_name("class", name, self.classes)
        return self.classes.index(name)

    def predicted(self) -> int:
        """Return the number of the class with the largest of the `scores`; the first, if scores are equal.

        >>> tiles = torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]])
        >>> EvidenceMap(tiles, TileGrid(4, 6, tile=4, stride=2), ("cat", "dog")).predicted()
        0
        """
        return int(self.scores().argmax())

    @checked
    def top_tiles(
        self, name: str | SupportsIndex, count: int = 5, *, against: bool = False, apart: bool = False
    ) -> tuple[TileEvidence, ...]:
        """Return the tiles with the most evidence for a class, or `against` it, strongest first.

        >>> grid = TileGrid(4, 7, tile=4, stride=1)
        >>> tiles = EvidenceMap(torch.tensor([[[3.0, 2.0, -5.0, 1.0]]]), grid, ("cat",))
        >>> [(tile.left, tile.evidence) for tile in tiles.top_tiles("cat", 2)]
        [(0, 3.0), (1, 2.0)]
        >>> [tile.evidence for tile in tiles.top_tiles("cat", 2, against=True, apart=True)]
        [-5.0]

        If tiles are equal, the first in row-major order comes first. With `apart`, tiles that share a pixel with
        a stronger one are skipped. At most `count` are returned; fewer if the grid has fewer that were not
        skipped.
        """
        if count < 1:
            raise InputError(f"count must be at least 1 tile, got {count}")
        flat = self.logits[self.class_number(name)].flatten()
        found: list[TileEvidence] = []
        for index in _in_order(
            flat.nan_to_num(-torch.inf if not against else torch.inf), largest=not against
        ):
            if bool(flat[index].isnan()):
                break
            tile = self._tile(index, flat[index].item())
            if apart and any(self._overlap(tile, other) for other in found):
                continue
            found.append(tile)
            if len(found) == count:
                break
        return tuple(found)

    @checked
    def per_pixel(self, name: str | SupportsIndex) -> Tensor:
        """Return a class's evidence for each pixel: the mean logit of the tiles that cover it, (height, width).

        >>> tiles = EvidenceMap(torch.tensor([[[3.0, 1.0]]]), TileGrid(3, 4, tile=3, stride=1), ("cat",))
        >>> tiles.per_pixel("cat")[0].tolist()
        [3.0, 2.0, 2.0, 1.0]

        NaN if no tile covers a pixel, as at the far edges of an aligned grid, or if all that do were skipped. A
        pixel at the border is covered by fewer tiles than one in the middle, so the mean of this view is not the
        mean of the tiles.
        """
        # How many tiles cover a pixel is the product of how many tile rows and tile columns do. These are
        # consecutive, so their sum is a difference of cumulative sums.
        logits = self.logits[self.class_number(name)].double().cpu()
        # In a mean over skipped tiles, which count as 0, and others, only the share of the others is left.
        skipped = bool(logits.isnan().any())
        sums, kept = _sums(logits.nan_to_num(0.0)), _sums((~logits.isnan()).double())
        means = torch.empty(self.grid.height, self.grid.width, dtype=self.logits.dtype)
        for rows in torch.split(torch.arange(self.grid.height), _STRIP):
            down = _covered_means(sums, self.grid.tops, self.grid.tile, rows)
            across = torch.arange(self.grid.width)
            mean = _covered_means(_sums(down.T), self.grid.lefts, self.grid.tile, across).T
            if skipped:
                down = _covered_means(kept, self.grid.tops, self.grid.tile, rows)
                mean = mean / _covered_means(_sums(down.T), self.grid.lefts, self.grid.tile, across).T
            means[rows] = mean.to(means.dtype)
        return means

    @checked
    def crop(self, image: Tensor, index: int) -> Tensor:
        """Cut a tile, by its number in row-major order, from the image (..., height, width) of this map.

        >>> tiles = EvidenceMap(torch.zeros(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",))
        >>> tiles.crop(torch.arange(8).reshape(1, 2, 4), 1).tolist()
        [[[2, 3], [6, 7]]]

        Returns a view (..., tile, tile). Raises `InputError` if the image is not of the grid's size, and for a
        tile that does not exist.
        """
        if tuple(image.shape[-2:]) != (self.grid.height, self.grid.width):
            raise InputError(
                f"the image is of shape {tuple(image.shape)} but the map is of one of {self.grid.height}×"
                f"{self.grid.width} pixels; give the image as the model took it"
            )
        if not 0 <= index < len(self.grid):
            raise InputError(f"tile {index} does not exist; the map has tiles 0 to {len(self.grid) - 1}")
        row, column = divmod(index, self.grid.shape[1])
        top, left = self.grid.tops[row], self.grid.lefts[column]
        return image[..., top : top + self.grid.tile, left : left + self.grid.tile]

    def to_arrow(self) -> "pyarrow.Table":
        """Return an Arrow table with one row per tile, in row-major order; `.to_pandas()` makes a data frame of it.

        >>> tiles = EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",))
        >>> tiles.to_arrow().to_pylist()[1]
        {'row': 0, 'column': 1, 'top': 0, 'left': 2, 'evidence.cat': 1.0}
        """
        import pyarrow

        rows, columns = self.grid.shape
        tops, lefts = torch.tensor(self.grid.tops), torch.tensor(self.grid.lefts)
        arrays = {
            "row": torch.arange(rows).repeat_interleave(columns),
            "column": torch.arange(columns).repeat(rows),
            "top": tops.repeat_interleave(columns),
            "left": lefts.repeat(rows),
        }
        names = [*arrays, *(f"evidence.{name}" for name in self.classes)]
        values = [*arrays.values(), *self.logits.flatten(1).cpu()]
        return pyarrow.Table.from_arrays([pyarrow.array(value.numpy()) for value in values], names=names)

    @checked
    def save(self, path: str | Path) -> None:
        """Write the map to one safetensors file, whole or not at all; `load` reads it back, bit for bit.

        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "owl.safetensors"
        >>> EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",)).save(path)
        >>> path.exists()
        True

        Raises `InputError` if the file cannot be written.
        """
        save_logits(Path(path), *self.packed())

    def packed(self) -> tuple[Tensor, dict[str, Any]]:
        """Return one tensor and what JSON can hold, of which `unpacked` makes the map again, bit for bit.

        >>> tensor, description = EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, 2, 2), ("cat",)).packed()
        >>> EvidenceMap.unpacked(tensor, description, "mine").classes
        ('cat',)
        """
        description: dict[str, Any] = {
            "grid": asdict(self.grid),
            "classes": self.classes,
            "pooling": asdict(self.pooling),
        }
        if self.removal is not None:
            description["removal"] = asdict(self.removal)
        if self.attention is None:
            return self.logits, description
        return torch.cat((self.logits, self.attention[None])), {**description, "attends": True}

    @staticmethod
    def unpacked(logits: Tensor, description: Mapping[str, Any], source: object) -> "EvidenceMap":
        """Return the map of which `packed` made a tensor and its description.

        Raises `InputError`, whose message names `source`, if they are not those of a map.
        """
        said = from_values(_Description, description, source)
        if not logits.is_floating_point():
            raise InputError(f"{source}: logits are {logits.dtype}; expected floating-point numbers")
        if 0 in logits.shape:
            raise InputError(f"{source}: logits are of shape {tuple(logits.shape)}, which has no value")
        if not (logits.isfinite() | logits.isnan().all(0)).all() or bool(logits[0].isnan().all()):
            raise InputError(f"{source}: logits are not all finite")
        attention = None
        if said.attends:
            logits, attention = logits[:-1], logits[-1]
        return EvidenceMap(logits, said.grid, said.classes, said.removal, said.pooling, attention)

    @staticmethod
    @checked
    def load(path: str | Path) -> "EvidenceMap":
        """Read a map that `save` wrote.

        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "owl.safetensors"
        >>> EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",)).save(path)
        >>> EvidenceMap.load(path).mean()
        tensor([1.])

        Raises `InputError` if the file is missing, damaged, or not an evidence map.
        """
        logits, description = load_logits(Path(path))
        try:
            return EvidenceMap.unpacked(logits, description, path)
        except InputError as error:
            raise InputError(f"{path} does not hold an evidence map: {error}; make it again") from error

    @checked
    def plot(
        self,
        name: str | SupportsIndex | None = None,
        *,
        image: Tensor | None = None,
        limit: float | None = None,
    ) -> "Figure":
        """Draw a class's evidence as a matplotlib figure, which a notebook shows.

        >>> import tempfile
        >>> tiles = EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",))
        >>> tiles.plot("cat", limit=3).savefig(Path(tempfile.mkdtemp()) / "cat.png")

        By default, this is the predicted class. Colours run from −`limit` to `limit` logits, by default the
        largest in the map; give one limit to compare maps. Every tile is one cell at the tile's centre, not
        smoothed. `image`, uint8 (3, height, width), is shown beside it.
        """
        from nearsight.evidence.plot import plot_map

        number = self.predicted() if name is None else self.class_number(name)
        return plot_map(self, number, image=image, limit=limit)

    def _summary(self) -> Summary:
        scores, grid = self.scores(), self.grid
        strongest = scores.argsort(descending=True, stable=True)[:5].tolist()
        rows, columns = grid.shape
        return Summary(
            f"EvidenceMap({counted(len(self.classes), 'class', 'classes')}, {rows}×{columns} tiles of "
            f"{grid.tile}×{grid.tile} pixels, "
            f"stride {grid.stride}, {grid.kind} grid{'' if self.removal is None else f'; {self.words}'})",
            ("class", self.protocol),
            [(self.classes[number], signed(float(scores[number]))) for number in strongest],
        )

    def _repr_html_(self) -> str:
        from nearsight.evidence.plot import plot_map

        return replace(self._summary(), picture=plot_map(self, self.predicted()).png(dpi=60)).html()

    def _tile(self, index: int, evidence: float) -> TileEvidence:
        row, column = divmod(index, self.grid.shape[1])
        return TileEvidence(index, row, column, self.grid.tops[row], self.grid.lefts[column], evidence)

    def _overlap(self, one: TileEvidence, other: TileEvidence) -> bool:
        return max(abs(one.top - other.top), abs(one.left - other.left)) < self.grid.tile


POOLED_SCORES: Mapping[str, Callable[[EvidenceMap], Tensor]] = MappingProxyType(
    {
        MEAN_LOGIT: EvidenceMap.mean,
        TOP_K: EvidenceMap.top_k,
        MAX: EvidenceMap.max,
        NOISY_OR: EvidenceMap.noisy_or,
        ATTENTION: EvidenceMap.attended,
    }
)
"""How an image's scores come from its map, by protocol, where tiles make one prediction together."""


def _in_order(values: Tensor, *, largest: bool) -> Iterator[int]:
    """Yield the places of values, largest or smallest first; of equal ones the first. Few are sorted at a time."""
    done, wanted = 0, _FIRST_SORTED
    while done < len(values):
        if wanted < len(values):
            last = values.topk(wanted, largest=largest).values[-1]
            places = (values >= last if largest else values <= last).nonzero()[:, 0]
        else:
            places = torch.arange(len(values), device=values.device)
        places = places[values[places].argsort(descending=largest, stable=True)]
        for start in range(done, len(places), _FIRST_SORTED):
            yield from places[start : start + _FIRST_SORTED].tolist()
        done, wanted = max(done, len(places)), 16 * wanted


def _sums(values: Tensor) -> Tensor:
    return torch.cat([values.new_zeros(1, values.shape[1]), values.cumsum(0)])


def _covered_means(sums: Tensor, starts: tuple[int, ...], tile: int, pixels: Tensor) -> Tensor:
    """Return the mean of the tiles that cover each of some pixels of a line, (pixels, …); NaN if none does.

    `sums` are the sums of the first 0, 1, … tiles, float64 (1 + tiles, …); the tiles begin at `starts`.
    """
    begins = torch.tensor(starts)
    last = torch.searchsorted(begins, pixels, right=True)
    first = torch.searchsorted(begins, pixels - tile, right=True)
    return (sums[last] - sums[first]) / (last - first)[:, None]
