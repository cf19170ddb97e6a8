"""A model bound once to its settings: the one object that evaluation, heatmaps and diagnosis take."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from nearsight.arguments import check, checked, plain_tensor
from nearsight.errors import InputError, first_line
from nearsight.evidence.banded import banded_map, every_map, held_bands
from nearsight.evidence.cost import Cost, measured_cost
from nearsight.evidence.forward_pass import Model, check_model
from nearsight.evidence.kinds import check_removal
from nearsight.evidence.map import EvidenceMap
from nearsight.evidence.ready import FULL_PASS_SHARE, STACK_SHARE, ReadyModel
from nearsight.evidence.removing import Removing, banded_removal
from nearsight.evidence.tile_settings import TileSettings
from nearsight.models import Classifier, Preprocessing
from nearsight.models.banded import Banded, Seen
from nearsight.notebook import Shown, Summary
from nearsight.numbers import whole
from nearsight.settings import Fill, GridKind
from nearsight.settings.choices import DEFAULT_FILL, DEFAULT_GRID, DEFAULT_MEMORY
from nearsight.settings.pooled import Pooling, no_attention
from nearsight.shortage import is_shortage
from nearsight.tiles import TileGrid


class TiledModel(Shown):
    """A model bound once to its tiles, to a bound on memory and to a device.

    >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, stride=2, classes=("red", "green", "blue"))
    >>> [evidence_map] = bound.maps([torch.ones(3, 6, 8)])
    >>> evidence_map.logits.shape, bound.full_pass([torch.ones(3, 6, 8)]).tolist()
    (torch.Size([3, 2, 3]), [[1.0, 1.0, 1.0]])

    `model` is a `Classifier`, a module, any callable from (B, C, H, W) to logits (B, classes), or an ONNX Runtime
    session. `tile` is in pixels, by default the tile that the classifier was trained on; `stride` is by default a
    quarter of it. `memory` bounds in bytes what is processed at once, whatever the number and size of images; an
    image as it was given and its map come on top. `device` is by default the device of the model's weights, or else
    of the images. `classes` names the logits if the model does not. With `skip_blank`, a tile whose values differ
    in each colour by at most that many of 255 is not evaluated: it is NaN in a map and counts in no score. An image
    with only blank tiles is evaluated completely. `pooling` is how the tiles of an image make one prediction, by
    default as in training.

    Images are uint8 (3, H, W) as decoded, which a classifier's preprocessing resizes and normalises batch by
    batch; or float (C, H, W) as the model takes them. Everything is computed in `dtype`, without gradients.

    A module is copied on first use, and never changed itself. It is then probed: do passes over whole images give
    the logits of tiles, and how many images fit into one pass? A change of the module's weights (more training,
    `load_state_dict`, `half()`) is noticed at the next call, by the version that PyTorch counts for each tensor and
    a few values of the last one. The module is then copied and probed again, also for models made by `at`. A change
    of its code, of its attributes or of single values through `.data` is not noticed: call `rebind`.

    Raises `InputError` for settings out of range and for a model that cannot be run on `dtype`.
    """

    def __init__(
        self,
        model: Model,
        *,
        tile: int | None = None,
        stride: int | None = None,
        grid: GridKind = DEFAULT_GRID,
        memory: int = DEFAULT_MEMORY,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
        classes: Sequence[str] | None = None,
        skip_blank: int | None = None,
        pooling: Pooling | None = None,
    ) -> None:
        check_model(model, dtype)
        if isinstance(model, Classifier):
            pooling = model.pooling if pooling is None else pooling
            tile = model.tile if tile is None else tile
            classes = model.classes if classes is None else classes
        self._settings = TileSettings(
            tile=None if tile is None else whole("tile", tile),
            memory=whole("memory", memory),
            stride=None if stride is None else whole("stride", stride),
            kind=grid,
            device=None if device is None else torch.device(device),
            dtype=dtype,
            blank=None if skip_blank is None else whole("skip_blank", skip_blank),
            pooling=_checked_pooling(pooling or Pooling(), model),
        )
        self._classes = None if classes is None else tuple(classes)
        self._ready = ReadyModel(model, self._settings, classes=self._classes)

    def _summary(self) -> Summary:
        model = self.model
        name = model.architecture.name if isinstance(model, Classifier) else type(model).__name__
        rows = [
            (
                "tile",
                "none yet" if self.tile is None else f"{self.tile}, stride {self.stride}, {self.grid} grid",
            ),
            ("memory", f"{self.memory / 2**20:,.0f} MiB"),
        ]
        return Summary(f"TiledModel({name})", rows=rows)

    @property
    def model(self) -> Model:
        """The model as it was given."""
        return self._ready.given

    @property
    def module(self) -> nn.Module:
        """The copy that runs, in eval mode on its device; raises `InputError` for a model outside PyTorch."""
        self._settle()
        return self._ready.module

    @property
    def tile(self) -> int | None:
        """The side of the tiles in pixels; None for a classifier of whole images without one."""
        return self._settings.tile

    def require_tile(self) -> int:
        """Return the side of the tiles in pixels; raises `InputError` if there is none.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4).require_tile()
        4
        """
        return self._settings.sides()[0]

    @property
    def stride(self) -> int | None:
        """The step of the tile grid in pixels; None without a tile."""
        return self._settings.step

    @property
    def grid(self) -> GridKind:
        """The kind of tile grid."""
        return self._settings.kind

    @property
    def pooling(self) -> Pooling:
        """How the tiles of an image make one prediction."""
        return self._settings.pooling

    @property
    def attends(self) -> bool:
        """Whether the model was trained with attention, and gives that of each tile."""
        return isinstance(self.model, Classifier) and self.model.architecture.attention

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self._ready.device or torch.device("cpu")

    @property
    def memory(self) -> int:
        """The bound on the memory for what is processed at once, in bytes."""
        return self._settings.memory

    @property
    def skip_blank(self) -> int | None:
        """By how much of 255 the values of a skipped tile may differ; None if no tile is skipped."""
        return self._settings.blank

    @property
    def probes(self) -> int:
        """How often the model was probed until now, at all tile sizes together."""
        return self._ready.probes

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the logits; numbers, found with one tile, if nothing names them."""
        if self._classes is None:
            tile = self._settle()
            count = self._ready.logits(tile[None]).shape[1]
            self._classes = tuple(str(number) for number in range(count))
        return self._classes

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what a user should know about the model, found by running it once on a few tiles.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)).softmax(1), tile=4).notes[0].split(",")[0]
        'the model gives probabilities'

        What was found when its `Classifier` was made comes first; see `nearsight.evidence.behaviour`. Without a
        tile to run it on, there is nothing else.
        """
        if self.tile is None:
            return self.model.notes if isinstance(self.model, Classifier) else ()
        return self._ready.notes(self._settle())

    @checked
    def at(self, tile: int, stride: int | None = None, grid: GridKind | None = None) -> "TiledModel":
        """Return the same model with tiles of another size; it shares what the probe found.

        >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4)
        >>> bound.at(8).stride
        2
        """
        return self._bound(self._ready, self._settings.at(tile, stride, grid))

    def with_model(self, model: Model) -> "TiledModel":
        """Return another model bound to the same settings and names of classes.

        >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4)
        >>> bound.with_model(lambda tiles: tiles.amax((2, 3))).tile
        4

        Raises `InputError` for what is no model.
        """
        return self._bound(ReadyModel(model, self._settings, classes=self._classes), self._settings)

    def rebind(self) -> None:
        """Use the model as it is now, and forget what the probe found; models made by `at` do so too.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4).rebind()
        """
        self._ready.rebind()

    def sides(self) -> tuple[int, int]:
        """Return the tile and the stride in pixels; raises `InputError` if there is no tile.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, stride=2).sides()
        (4, 2)
        """
        return self._settings.sides()

    def grid_of(self, image: Tensor | Banded) -> TileGrid:
        """Return the grid of an image's tiles once it is resized; raises `InputError` if a tile does not fit.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, stride=2).grid_of(torch.zeros(3, 6, 8)).shape
        (2, 3)
        """
        height, width = image.shape[-2:]
        if self.preprocessing is not None and image.dtype == torch.uint8:
            height, width = self.preprocessing.resized(height, width)
        return self._settings.grid_of(height, width)

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How decoded images become the model's input; None if the model does not say."""
        return self._ready.preprocessing

    def together(self, image: Tensor) -> int:
        """Return how many whole images like this one, resized, fit into one pass within the memory bound.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4).together(torch.zeros(3, 6, 8)) > 1
        True
        """
        self._ready.refresh()
        self._ready.settle(image)
        return self._ready.together(image.shape, FULL_PASS_SHARE)

    def resize(self, image: Tensor) -> Tensor:
        """Resize a decoded image, uint8 (3, H, W), to the size at which it is evaluated; others stay as they are.

        >>> half = Classifier.of(lambda images: images.mean((2, 3)), classes=3, tile=4, resize_short=8)
        >>> TiledModel(half).resize(torch.zeros(3, 16, 24, dtype=torch.uint8)).shape
        torch.Size([3, 8, 12])
        """
        return self._ready.resize(image)

    def resize_banded(self, image: Banded) -> Tensor | Banded:
        """Resize an image that is read by bands to the size at which it is evaluated; it is held if it is resized."""
        return self._ready.resize_banded(image)

    @checked
    def prepare(self, image: Tensor) -> Tensor:
        """Return one image, whole, in the model's input form: resized, normalised, on the model's device.

        >>> toy = Classifier.of(lambda images: images.mean((2, 3)), classes=3, tile=4, mean=0.5, std=0.5)
        >>> TiledModel(toy).prepare(torch.full((3, 6, 8), 255, dtype=torch.uint8)).unique()
        tensor([1.])

        The result is float (3, H, W).
        """
        return self._ready.normalise(self._ready.resize(image))

    @checked
    def maps(self, images: Iterable[Tensor | Banded]) -> Iterator[EvidenceMap]:
        """Yield the evidence map of each image of a stream, in order; memory does not grow with their number.

        >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, stride=2, classes=("red", "green", "blue"))
        >>> [found.logits.shape for found in bound.maps([torch.ones(3, 6, 8), torch.ones(3, 4, 4)])]
        [torch.Size([3, 2, 3]), torch.Size([3, 1, 1])]

        Images too large to be held are given as objects with bands of their rows, such as
        `data.large_image.LargeImage`.

        The maps are on the CPU, in float32 (in float64 if the model gives that). Images are read ahead of the
        maps as far as a batch needs. How many tiles share a batch can change the last bits of a logit, and so can
        passes over whole images instead of tiles, which are made if probing shows that they give the same for
        less work. Raises `InputError` if the tile does not fit an image and for logits that are not finite; the
        message names the image and the tile.
        """
        return every_map(self._ready, self._settings, iter(images), self._classes)

    def map_of_bands(self, image: Tensor | Banded, seen: Seen | None = None) -> EvidenceMap:
        """Return the evidence map of one image, read by bands of rows; `seen` gets all rows as they are read.

        >>> toy = Classifier.of(lambda images: images.mean((2, 3)), classes=3, tile=4, mean=0.5, std=0.5)
        >>> TiledModel(toy).map_of_bands(torch.zeros(3, 6, 8, dtype=torch.uint8)).grid.shape
        (3, 5)

        `image` is as for `maps`, and is resized in the same way.
        """
        self._ready.refresh()
        return banded_map(
            self._ready, self._settings, held_bands(self._ready, image), self._classes, seen=seen
        )

    @checked
    def removal_maps(
        self,
        images: Iterable[Tensor],
        *,
        protocol: str,
        fill: Fill = DEFAULT_FILL,
        others: Iterable[Tensor] | None = None,
    ) -> Iterator[EvidenceMap]:
        """Yield for each image of a stream how much its scores fall when a tile is replaced, tile by tile, in order.

        >>> bound = TiledModel(lambda images: images.amax((2, 3)), tile=2, stride=2, classes=("red", "green", "blue"))
        >>> image = torch.zeros(3, 2, 4).index_fill(2, torch.tensor([3]), 4.0)
        >>> [lost] = bound.removal_maps([image], protocol="full-pass")
        >>> lost.logits[0].tolist(), lost.kind, lost.scores().tolist()
        ([[0.0, 3.0]], 'removal', [4.0, 4.0, 4.0])

        A value is the score of the whole image minus its score without the tile, in logits, under `protocol`.
        This is `full-pass`, in which a tile outside the crop loses nothing; or `mean-logit`, the mean over the
        tiles, or another pooling of them, for which all tiles that overlap the replaced one are scored again. The
        tile's pixels are replaced by the image's mean colour (`fill` "mean"), by the blurred image ("blur"), or
        by the same place of another image ("other"), of which `others` has one for each. Images and memory are as
        for `maps`. Raises `InputError` for another protocol or fill, and where `maps` and `full_pass` do.
        """
        check_removal(protocol, fill)
        if self.skip_blank is not None:
            raise InputError("maps of removal have a value for every tile; leave `skip_blank` out")
        return Removing(self._ready, self._settings, protocol, fill, self._classes).maps(images, others)

    def removal_map_of_bands(self, image: Banded, whole: EvidenceMap, colour: Tensor) -> EvidenceMap:
        """Return the removal map under `mean-logit` of an image that is read by bands, tiles filled with a colour.

        >>> from nearsight.evidence.banded import HeldBands
        >>> toy = Classifier.of(lambda images: images.mean((2, 3)), classes=3, tile=4, mean=0.0, std=1.0)
        >>> bound, image = TiledModel(toy), torch.zeros(3, 6, 8, dtype=torch.uint8)
        >>> lost = bound.removal_map_of_bands(HeldBands(image), bound.map_of_bands(image), torch.zeros(3))
        >>> lost.kind, lost.grid.shape, float(lost.logits.abs().max())
        ('removal', (3, 5), 0.0)

        `whole` is its map (`map_of_bands`), and `colour`, float (3,), is from 0 to 255. It is what `removal_maps`
        returns for the whole image if that is its mean colour. Beside the maps, one band of rows is held, and the
        parts of it that a batch takes.
        """
        self._ready.refresh()
        return banded_removal(self._ready, self._settings, image, whole, colour)

    @checked
    def full_pass(self, images: Iterable[Tensor]) -> Tensor:
        """Return the logits of whole images, passed through the model once, float (N, classes) on the CPU.

        >>> TiledModel(lambda images: images.mean((2, 3)), tile=4).full_pass([torch.ones(3, 6, 8)]).tolist()
        [[1.0, 1.0, 1.0]]

        A classifier whose preprocessing has a `crop` sees the middle of each. Consecutive images of one size go
        together, within a share of the memory. For its map, an image can be cut into parts, but not for this: one
        whose pass would take more than the memory bound (or 64 MiB, if that is more), estimated from the memory
        of smaller ones, is refused beforehand with an `InputError` that names what it needs. The memory of a
        model outside PyTorch is not known, and nothing is refused.
        """
        self._ready.refresh()
        found = [self._passed(chunk) for chunk in _chunks(images, int(self.memory * STACK_SHARE))]
        return torch.cat(found) if found else torch.empty(0, len(self.classes))

    @checked
    def check_full_pass(self, image: Tensor) -> None:
        """Raise `InputError` if a pass over an image of this size, as it is, would exceed the memory bound.

        >>> TiledModel(lambda images: images.mean((2, 3)), tile=4).check_full_pass(torch.ones(3, 6, 8))
        """
        _require_image("image", image)
        self._ready.refresh()
        self._ready.settle(image)
        self._ready.check_fits(image.shape)

    @checked
    def embed(self, tiles: Iterable[Tensor]) -> Tensor:
        """Return the model's embedding of each tile, float (N, features) on the CPU: what its logits are made of.

        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
        >>> TiledModel(network, tile=4).embed([torch.ones(3, 4, 4)] * 5).shape
        torch.Size([5, 3])

        `tiles` are images of one size, as for `maps`, and are not resized. Raises `InputError` for tiles of several
        sizes, and for a model without an embedding. See `nearsight.evidence.embedding`.
        """
        return self._batched(tiles, self._ready.embed)

    @checked
    def logits(self, tiles: Iterable[Tensor]) -> Tensor:
        """Return the logits of each tile, float (N, classes) on the CPU; `tiles` are as for `embed`.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4).logits([torch.ones(3, 4, 4)] * 5).shape
        torch.Size([5, 3])

        Raises `InputError` for tiles of several sizes.
        """
        return self._batched(tiles, self._ready.logits)

    @checked
    def cost(self, grids: Sequence[TileGrid]) -> Cost:
        """Return what the maps of images on these grids will cost, from a batch of tiles of the first grid's size.

        >>> TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4).cost([TileGrid(6, 8, tile=4, stride=2)]).tiles
        6

        `seconds` are measured on this machine. Raises `InputError` without a grid.
        """
        self._settle()
        return measured_cost(self._ready, grids)

    def _bound(self, ready: ReadyModel, settings: TileSettings) -> "TiledModel":
        other = object.__new__(TiledModel)
        other._settings, other._classes, other._ready = settings, self._classes, ready
        return other

    def _passed(self, images: list[Tensor]) -> Tensor:
        by_size: dict[tuple[torch.Size, torch.dtype], list[int]] = defaultdict(list)
        seen = [self._ready.whole(image) for image in images]
        for number, image in enumerate(seen):
            self._ready.settle(image)
            self._ready.check_fits(image.shape)
            by_size[image.shape, image.dtype].append(number)
        rows: dict[int, Tensor] = {}
        for (shape, _), numbers in by_size.items():
            most = self._ready.together(shape, FULL_PASS_SHARE) if len(numbers) > 1 else 1
            for start in range(0, len(numbers), most):
                some = numbers[start : start + most]
                batch = torch.stack([seen[number] for number in some])
                rows |= zip(some, self._run(self._ready.logits, batch), strict=True)
        return torch.stack([rows[number] for number in range(len(images))])

    def _batched(self, tiles: Iterable[Tensor], run: Callable[[Tensor], Tensor]) -> Tensor:
        self._ready.refresh()
        found = []
        stream = iter(tiles)
        first = next(stream, None)
        if first is None:
            return torch.empty(0, 0)
        first = _require_image("tiles", first)
        self._ready.settle(first)
        size = self._ready.together(first.shape)
        held = [first]
        for given in stream:
            tile = _require_image("tiles", given)
            if tile.shape != first.shape:
                raise InputError(
                    f"`tiles` takes images of one size, got {tuple(first.shape)} and {tuple(tile.shape)}"
                )
            if len(held) == size:
                found.append(self._run(run, torch.stack(held)))
                held = []
            held.append(tile)
        found.append(self._run(run, torch.stack(held)))
        return torch.cat(found)

    def _run(self, run: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        batch = self._ready.normalise(images).contiguous(memory_format=torch.channels_last)
        try:
            return run(batch).cpu()
        except Exception as error:
            if not is_shortage(error):
                raise
            raise _too_large(batch, error) from error

    def _settle(self) -> Tensor:
        """Make the model ready before any image is seen, with a black tile, which is returned."""
        self._ready.refresh()
        side = self._settings.sides()[0]
        tile = self._ready.example((3, side, side))
        self._ready.settle(tile)
        return tile


def _chunks(images: Iterable[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Yield images in lists of at most this many bytes, or of one image."""
    held: list[Tensor] = []
    size = 0
    for given in images:
        image = _require_image("images", given)
        if held and size + image.nbytes > most:
            yield held
            held, size = [], 0
        held.append(image)
        size += image.nbytes
    if held:
        yield held


def _require_image(name: str, image: Tensor) -> Tensor:
    check(name, image, Tensor)
    image = plain_tensor(image, f"`{name}`")
    if image.ndim != 3:
        raise InputError(f"`{name}` takes images (channels, height, width), got one of {tuple(image.shape)}")
    return image


def _too_large(batch: Tensor, error: Exception) -> InputError:
    count, _, height, width = batch.shape
    fewer = "give a smaller `memory`, so that fewer go at once, " if count > 1 else ""
    return InputError(
        f"the memory of this machine does not hold a pass over {count} images of {height}×{width} pixels "
        f"({first_line(error)}); {fewer}leave out full-pass, or have images resized (resize_short)"
    )


def _checked_pooling(pooling: Pooling, model: Model) -> Pooling:
    attends = isinstance(model, Classifier) and model.architecture.attention
    if pooling.name == "attention" and not attends:
        raise no_attention()
    return pooling
