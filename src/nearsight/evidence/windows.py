"""Full passes over images that differ in a box: only what the box affects is computed again, layer by layer.

A changed box affects a window of each feature map, which grows from convolution to convolution. While windows are
small compared with the maps, each step of the network is done on the windows alone, which are cut out of the
unchanged image's maps with the changed values inserted; the rest of the network is run whole. No layer is named:
PyTorch's operations are recorded once as they run (`nearsight.evidence.tape`), and those that are not understood
belong to the rest.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.errors import first_line
from nearsight.evidence.dense import same
from nearsight.evidence.ready import FULL_PASS_SHARE, ReadyModel
from nearsight.evidence.removable import Removable
from nearsight.evidence.tape import IMAGES, Rest, Step, Tape, Value
from nearsight.evidence.winograd import Winograd, multiplications

# The extra cost of windows: several sizes along each side mean smaller batches and more copies.
WINDOWS_COST = 1.2
# The cost of moving one number through an operation, in floating-point operations of a convolution.
FLOPS_A_NUMBER = 20
# Of the operations of whole passes, and of their time, at most this share may remain.
MOST_WORK = 0.75
# Images with a filled box that are compared with whole passes over them, once for each size and grid.
CHECKED = 4
# Windows of one batch are as large as the largest of them. Along each side, this many sizes are kept apart if
# each kind then has this many windows.
SIZES, ALIKE = 3, 16
# What a batch may keep alive, and how many maps like the largest of the rest it keeps.
ALIVE = 32 * 2**20
MAPS_ALIVE = 4

_aten = torch.ops.aten
# Operations on one place of a map, or of several, at a time.
_IN_PLACE_TOO: tuple[str, ...] = (
    *(
        "add",
        "sub",
        "mul",
        "div",
        "clamp",
        "clamp_min",
        "relu",
        "silu",
        "mish",
        "elu",
        "leaky_relu",
        "hardtanh",
    ),
    *("hardswish", "hardsigmoid", "sigmoid", "tanh"),
)
_POINTWISE = frozenset(
    getattr(_aten, name)
    for name in (
        *_IN_PLACE_TOO,
        *(f"{name}_" for name in _IN_PLACE_TOO),
        *("gelu", "clone", "neg", "maximum", "minimum", "batch_norm", "cat"),
    )
)

Whole = Callable[[Removable, Sequence[int]], Tensor]
"""Gives the logits of some of the images with and without boxes, (chosen, classes), by passes over them whole."""

Sides = NDArray[np.int64]
"""A number for rows and one for columns, or as many such pairs as there are boxes."""


@dataclass(frozen=True, eq=False)
class Reach:
    """The windows of a map that boxes affect: the first row and column of each, and the ones after its last."""

    low: Sides
    high: Sides

    def joined(self, other: "Reach") -> "Reach":
        """Return the windows that contain both."""
        return Reach(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def of(self, chosen: NDArray[np.int64]) -> "Reach":
        """Return those of some boxes."""
        return Reach(self.low[chosen], self.high[chosen])

    @property
    def sides(self) -> Sides:
        """The height and width of each window."""
        return self.high - self.low

    @property
    def places(self) -> float:
        """The mean number of places in a window."""
        return float(self.sides.prod(1).mean())


@dataclass(frozen=True)
class Sliding:
    """What a convolution or a pool reads along each side, and its padding beyond a map's borders."""

    kernel: Sides
    stride: Sides
    padding: Sides
    beyond: float

    def grown(self, reach: Reach, size: Sequence[int]) -> Reach:
        """Return the affected windows of its output, a map of a height and width.

        >>> three = Sliding(np.array([3, 3]), np.array([2, 2]), np.array([1, 1]), 0.0)
        >>> grown = three.grown(Reach(np.array([[0, 5]]), np.array([[2, 6]])), (4, 4))
        >>> grown.low.tolist(), grown.high.tolist()
        ([[0, 2]], [[2, 4]])
        """
        low = -((self.kernel - 1 - self.padding - reach.low) // self.stride)
        high = (reach.high - 1 + self.padding) // self.stride + 1
        low = low.clip(0, np.array(size) - 1)
        return Reach(low, high.clip(low + 1, np.array(size)))

    def around(self, size: Sequence[int], made: Sequence[int]) -> tuple[int, int, int, int]:
        """Return how far it reads beyond a map of a size to make one of another: left, right, above and below.

        A pool that rounds up reads further beyond the far borders than it is padded.
        """
        far = ((np.array(made) - 1) * self.stride + self.kernel - self.padding - np.array(size)).clip(0)
        above, left = self.padding.tolist()
        below, right = far.tolist()
        return left, right, above, below

    def seen(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width of what windows of a size are made from."""
        rows, columns = (np.array(size) - 1) * self.stride + self.kernel
        return int(rows), int(columns)


@dataclass(frozen=True, eq=False)
class Window:
    """Parts of maps (B, C, h, w), each of which begins at a row and a column of its map."""

    pixels: Tensor
    starts: Sides

    @property
    def size(self) -> tuple[int, int]:
        """The height and width of the parts."""
        return self.pixels.shape[2], self.pixels.shape[3]


def arguments(step: Step) -> dict[str, Any]:
    """Return a step's arguments by name, with the defaults of its operation."""
    return named(step.function, step.args, step.kwargs)


def named(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation's arguments by name, with its defaults."""
    return {
        argument.name: args[place] if place < len(args) else kwargs.get(argument.name, argument.default_value)
        for place, argument in enumerate(function._schema.arguments)
    }


def sliding(step: Step) -> Sliding | None:
    """Return what a convolution or a pool reads; None for other steps, and for those that windows cannot pass."""
    packet, given = step.function.overloadpacket, arguments(step)
    if step.function is _aten.conv2d.default:
        if len(step.inputs) != 1 or not isinstance(given["input"], Value):
            return None
        kernel, dilation, beyond = given["weight"].shape[2:], given["dilation"], 0.0
    elif packet is _aten.max_pool2d:
        kernel, dilation, beyond = given["kernel_size"], given["dilation"], -float("inf")
    elif packet is _aten.avg_pool2d:
        if given["divisor_override"] is not None or given["ceil_mode"] or not given["count_include_pad"]:
            return None
        kernel, dilation, beyond = given["kernel_size"], 1, 0.0
    else:
        return None
    wide = _pair(dilation) * (_pair(kernel) - 1) + 1
    stride = _pair(given["stride"]) if given["stride"] not in ([], ()) else _pair(kernel)
    return Sliding(wide, stride, _pair(given["padding"]), beyond)


def is_pointwise(step: Step, values: dict[int, Tensor]) -> bool:
    """Say whether each place of a step's output depends only on the same place of its inputs."""
    if step.function.overloadpacket not in _POINTWISE or len(step.shape) != 4:
        return False
    given = arguments(step)
    if given.get("training", False) or given.get("dim", 1) not in (1, -3):
        return False
    constants = [each for each in given.values() if isinstance(each, Tensor)]
    if step.function.overloadpacket is not _aten.batch_norm and any(
        constant.numel() != 1 and (constant.ndim < 3 or constant.shape[-2:] != (1, 1))
        for constant in constants
    ):
        return False
    return all(
        values[number].ndim == 4 and values[number].shape[2:] == step.shape[2:] for number in step.inputs
    )


@dataclass(frozen=True, eq=False)
class Plan:
    """How many of a network's first steps are done on windows, what boxes affect in each value, and the work left.

    `rest` are the values that the later steps use, and `work` is their operations as a share of a whole pass's.
    """

    steps: tuple[Step, ...]
    reaches: dict[int, Reach]
    rest: tuple[int, ...]
    work: float
    largest: int


def plan(tape: Tape, reach: Reach, winograd: Winograd, steps: int | None = None) -> Plan:
    """Return how boxes that affect the images' `reach` are passed through the recorded steps.

    `steps` is how many are done on windows, at most all that are understood; by default, the cheapest number.
    """
    reaches = {IMAGES: reach}
    plain = sum(_flops(step, None, None) for step in tape.steps)
    whole = [_flops(step, None, winograd) for step in tape.steps]
    costs = [plain]
    on_windows = 0.0
    for place, step in enumerate(tape.steps):
        looks = sliding(step)
        if looks is not None and len(step.shape) == 4:
            reaches[step.output] = looks.grown(reaches[step.inputs[0]], step.shape[2:])
        elif is_pointwise(step, tape.values):
            joined = [reaches[number] for number in step.inputs]
            for other in joined[1:]:
                joined[0] = joined[0].joined(other)
            reaches[step.output] = joined[0]
        else:
            break
        on_windows += WINDOWS_COST * _flops(step, reaches[step.output], winograd)
        taken = sum(tape.values[number][0].numel() for number in _taken(tape.steps, place + 1))
        costs.append(on_windows + sum(whole[place + 1 :]) + FLOPS_A_NUMBER * taken)
    cut = int(np.argmin(costs)) if steps is None else min(steps, len(costs) - 1)
    rest = _taken(tape.steps, cut)
    largest = max(tape.values[number][0].nbytes for number in (*rest, *(s.output for s in tape.steps[cut:])))
    return Plan(tuple(tape.steps[:cut]), reaches, rest, costs[cut] / costs[0], largest)


def _taken(steps: Sequence[Step], cut: int) -> tuple[int, ...]:
    """Return the values made before a step that it and later steps use."""
    made = {IMAGES, *(step.output for step in steps[:cut])}
    return tuple(sorted({number for step in steps[cut:] for number in step.inputs if number in made}))


def _flops(step: Step, reach: Reach | None, winograd: Winograd | None) -> float:
    """Return about how many operations a step takes for one image, or for the windows of one."""
    numbers = step.shape.numel() // step.shape[0]
    whole = float(step.flops / step.shape[0] + FLOPS_A_NUMBER * numbers)
    if len(step.shape) != 4:
        return whole
    rows, columns = step.shape[2:]
    share = 1.0 if reach is None else reach.places / (rows * columns)
    given = arguments(step)
    if step.function is not _aten.conv2d.default or not isinstance(weight := given["weight"], Tensor):
        return share * whole
    settings = {name: given[name] for name in ("stride", "padding", "dilation", "groups")}
    if winograd is None or not winograd.takes(weight, (rows, columns), **settings):
        return share * whole
    sides = np.array([[rows, columns]]) if reach is None else reach.sides
    products = float(np.mean([multiplications((height, width)) for height, width in sides.tolist()]))
    moved = FLOPS_A_NUMBER * share * numbers
    return moved + 2.0 * weight.shape[0] * weight.shape[1] * products


class WindowsError(Exception):
    """Says why windows are not used."""


def windowed_logits(ready: ReadyModel, removable: Removable, whole: Whole) -> Tensor | None:
    """Return the logits of images as they are and without each box, (N, 1 + boxes, classes).

    `whole` gives those of some of them, by their numbers in `removable`, from passes over them as they are. The
    result is compared with it once for each size of image and set of boxes, and is used only if rounding explains
    every difference. If it saved too little time, it is not done again. Images go together as far as their maps
    fit in memory. None if windows do not pay, or cannot be obtained; `ready.windows` then says why.
    """
    key = (removable.images.shape[1:], tuple(removable.boxes))
    if ready.windows.get(key) or not ready.seen or removable.images.device.type != "cpu":
        return None
    try:
        with torch.inference_mode():
            passed = WindowedPass(ready, removable, most=int(ready.memory * FULL_PASS_SHARE))
            if passed.plan.work > MOST_WORK:
                raise WindowsError(f"{passed.plan.work:.0%} of the operations of whole passes would be left")
            new = key not in ready.windows
            each = _compared(passed, removable, whole) if new else 0.0
            started = time.process_time()
            found = passed.logits().view(len(removable.images), len(removable.boxes), -1)
            # Many small steps, or few boxes, can take longer than their operations suggest.
            took = time.process_time() - started
            slow = new and took > MOST_WORK * each * len(removable.images) * len(removable.boxes)
            ready.windows[key] = "they save too little time" if slow else ""
            return torch.cat((passed.whole[:, None], found), 1)
    except Exception as error:
        if isinstance(error, MemoryError) and len(removable.images) > 1:
            parts = [windowed_logits(ready, half, whole) for half in removable.halves()]
            return torch.cat([part for part in parts if part is not None]) if None not in parts else None
        # A network may do anything while it is watched.
        ready.windows[key] = first_line(error)
        return None


def _compared(passed: "WindowedPass", removable: Removable, whole: Whole) -> float:
    """Compare a few images with a filled box, among them the first and the last, with whole passes over them.

    Returns the processor seconds that such a pass takes; raises `WindowsError` if the logits differ.
    """
    boxes = len(removable.boxes)
    inner = np.random.default_rng(0).integers(boxes, size=CHECKED - 2).tolist()
    chosen = sorted({0, boxes - 1, *inner})
    started = time.process_time()
    wanted = whole(removable, [1 + box for box in chosen])
    took = time.process_time() - started
    if not same(passed.logits([(0, box) for box in chosen]), wanted):
        raise WindowsError("they give other logits than whole passes")
    return took / len(chosen)


class WindowedPass:
    """The maps of some unchanged images, and what passes the same images without each of their boxes.

    `whole` are the logits of the images as they are, (N, classes). The maps take at most `most` bytes, and `steps`
    are as for `plan`.
    """

    def __init__(
        self, ready: ReadyModel, removable: Removable, *, most: int, steps: int | None = None
    ) -> None:
        self._ready, self._removable = ready, removable
        self._winograd = ready.winograd
        # The first pass differs from later ones: layouts of memory are tried.
        ready.logits(removable.images[:1])
        self._tape = Tape(removable.images, most=most)
        with self._tape:
            self.whole = ready.logits(removable.images)
        low = np.array([(box.top, box.left) for box in removable.boxes])
        high = np.array([(box.bottom, box.right) for box in removable.boxes])
        self.plan = plan(self._tape, Reach(low, high), self._winograd, steps)
        self._tape.forget(
            but={IMAGES, *self.plan.rest, *(n for step in self.plan.steps for n in step.inputs)}
        )
        self._padded: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def logits(self, chosen: Sequence[tuple[int, int]] | None = None) -> Tensor:
        """Return the logits of images without a box, (pairs, classes).

        They are those of given pairs of an image and a box, or of all pairs, image by image.
        """
        boxes = len(self._removable.boxes)
        if chosen is None:
            chosen = [(image, box) for image in range(len(self._removable.images)) for box in range(boxes)]
        pairs = np.array(chosen)
        most = max(1, min(ALIVE, self._ready.memory // 4) // (MAPS_ALIVE * self.plan.largest))
        held = {number: self._empty(number, min(most, len(pairs))) for number in self.plan.rest}
        found = self.whole.new_empty((len(pairs), self.whole.shape[1]))
        places: list[int] = []
        for alike in self._alike(pairs):
            while len(alike):
                some, alike = np.split(alike, [most - len(places)])
                self._materialise(pairs[some], held, len(places))
                places.extend(some.tolist())
                if len(places) == most:
                    found[places] = self._rest(held, most)
                    places = []
        if places:
            found[places] = self._rest(held, len(places))
        return found

    def _materialise(self, pairs: NDArray[np.int64], held: dict[int, Tensor], place: int) -> None:
        """Do the first steps on windows, and write the whole changed maps that the rest needs into those held."""
        image, box = pairs.T
        windows = {IMAGES: self._changed(image, box)}
        for step in self.plan.steps:
            windows[step.output] = self._done(step, windows, image, box)
        for number, maps in held.items():
            window = windows[number]
            parts = maps[place : place + len(pairs)]
            for part, one in zip(parts, image.tolist(), strict=True):
                part.copy_(self._tape.values[number][one])
            _put(parts, window.pixels, window.starts)

    def _rest(self, held: dict[int, Tensor], count: int) -> Tensor:
        values = {number: maps[:count] for number, maps in held.items()}
        given = values.get(IMAGES)
        if given is None:
            given = self._empty(IMAGES, count)
        with _Rest(self.plan.steps, values, given, self._winograd):
            return self._ready.logits(given)

    def _empty(self, number: int, count: int) -> Tensor:
        like = self._tape.values[number]
        return torch.empty(
            (count, *like.shape[1:]), dtype=like.dtype, device=like.device, memory_format=torch.channels_last
        )

    def _alike(self, pairs: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield the places of pairs whose windows have about the same height and width."""
        sizes = max(1, min(SIZES, int((len(pairs) / ALIKE) ** 0.5)))
        sides = np.sum([reach.sides for reach in self.plan.reaches.values()], axis=0)
        kinds = np.stack([_ranked(sides[:, side], sizes) for side in (0, 1)], axis=1)[pairs[:, 1]]
        for kind in np.unique(kinds, axis=0):
            yield np.flatnonzero((kinds == kind).all(1))

    def _changed(self, image: NDArray[np.int64], box: NDArray[np.int64]) -> Window:
        boxes = [self._removable.boxes[number] for number in box.tolist()]
        reach = self.plan.reaches[IMAGES].of(box)
        size, starts = _one_size(reach, self._removable.images.shape[2:])
        pixels = self._cut(IMAGES, image, starts, size)
        for row, (number, one, (top, left)) in enumerate(
            zip(image.tolist(), boxes, starts.tolist(), strict=True)
        ):
            rows, columns = one.pixels
            inside = pixels[row, :, one.top - top : one.bottom - top, one.left - left : one.right - left]
            inside.copy_(self._removable.fillings[number, :, rows, columns])
        return Window(pixels, starts)

    def _done(
        self, step: Step, windows: dict[int, Window], image: NDArray[np.int64], box: NDArray[np.int64]
    ) -> Window:
        """Do one step on windows."""
        reach = self.plan.reaches[step.output].of(box)
        size, starts = _one_size(reach, step.shape[2:])
        looks = sliding(step)
        if looks is None:
            parts = {
                number: self._grown(number, windows[number], image, starts, size) for number in step.inputs
            }
            return Window(step.function(**_given(step, parts)), starts)
        [number] = step.inputs
        source = windows[number]
        around = looks.around(self._tape.values[number].shape[2:], step.shape[2:])
        before = np.array([around[2], around[0]])
        first = starts * looks.stride - looks.padding + before
        seen = self._cut(number, image, first, looks.seen(size), around, looks.beyond)
        _put(seen, source.pixels, source.starts + before - first)
        given = _given(step, {number: seen}) | {"padding": [0, 0]}
        if "ceil_mode" in given:
            given["ceil_mode"] = False
        return Window(convolved(step.function, given, self._winograd), starts)

    def _grown(
        self, number: int, window: Window, image: NDArray[np.int64], starts: Sides, size: tuple[int, int]
    ) -> Tensor:
        """Return a window, enlarged to another size by the unchanged map around it."""
        if window.size == size and bool((window.starts == starts).all()):
            return window.pixels
        pixels = self._cut(number, image, starts, size)
        _put(pixels, window.pixels, window.starts - starts)
        return pixels

    def _cut(
        self,
        number: int,
        image: NDArray[np.int64],
        starts: Sides,
        size: tuple[int, int],
        around: tuple[int, ...] = (0, 0, 0, 0),
        beyond: float = 0.0,
    ) -> Tensor:
        """Cut parts (B, C, h, w) of a size out of the unchanged maps of a value, with `beyond` around these."""
        padded = self._padded.get((number, around))
        if padded is None:
            padded = F.pad(self._tape.values[number], around, value=beyond)
            self._padded[number, around] = padded = padded.contiguous(memory_format=torch.channels_last)
        parts = torch.empty(
            (len(image), padded.shape[1], *size),
            dtype=padded.dtype,
            device=padded.device,
            memory_format=torch.channels_last,
        )
        height, width = size
        for place, (one, (top, left)) in enumerate(zip(image.tolist(), starts.tolist(), strict=True)):
            parts[place].copy_(padded[one, :, top : top + height, left : left + width])
        return parts


def _one_size(reach: Reach, size: Sequence[int]) -> tuple[tuple[int, int], Sides]:
    """Return the size of the largest of some windows, and where windows of that size begin that contain each."""
    height, width = reach.sides.max(0).tolist()
    return (height, width), np.minimum(reach.low, np.array(size) - (height, width))


def _put(parts: Tensor, windows: Tensor, places: Sides) -> None:
    """Write windows (B, C, h, w) into parts of maps, each at its row and column, as far as they are inside."""
    height, width = windows.shape[2:]
    bottom, right = parts.shape[2:]
    for number, (top, left) in enumerate(places.tolist()):
        low, first = max(0, -top), max(0, -left)
        high, last = min(height, bottom - top), min(width, right - left)
        if low < high and first < last:
            parts[number, :, top + low : top + high, left + first : left + last] = windows[
                number, :, low:high, first:last
            ]


def _given(step: Step, parts: dict[int, Tensor]) -> dict[str, Any]:
    """Return a step's arguments by name, with other tensors in place of its values."""

    def own(given: Any) -> Any:
        if isinstance(given, Value):
            return parts[given.number]
        return [own(each) for each in given] if isinstance(given, tuple | list) else given

    return {name: own(given) for name, given in arguments(step).items()}


def convolved(function: Any, given: dict[str, Any], winograd: Winograd) -> Tensor:
    """Execute an operation on its arguments by name; a convolution by Winograd's method if that pays."""
    if function is _aten.conv2d.default:
        images, weight = given["input"], given["weight"]
        padding = given["padding"][0]
        size = (images.shape[2] + 2 * padding - 2, images.shape[3] + 2 * padding - 2)
        settings = {name: given[name] for name in ("stride", "padding", "dilation", "groups")}
        if winograd.takes(weight, size, **settings):
            return winograd.convolved(images, weight, given["bias"], padding=padding)
    done: Tensor = function(*given.values())
    return done


class _Rest(Rest):
    """The rest of a network, with convolutions by Winograd's method."""

    def __init__(
        self, steps: Sequence[Step], values: dict[int, Tensor], images: Tensor, winograd: Winograd
    ) -> None:
        super().__init__(steps, values, images)
        self._winograd = winograd

    def rest(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if func is not _aten.conv2d.default:
            return func(*args, **kwargs)
        return convolved(func, named(func, args, kwargs), self._winograd)


def _ranked(values: NDArray[np.int64], kinds: int) -> NDArray[np.int64]:
    """Sort values into this many kinds, the smaller before the larger."""
    different, place = np.unique(values, return_inverse=True)
    return place * kinds // max(kinds, len(different))


def _pair(value: Any) -> Sides:
    return np.array([value, value] if isinstance(value, int) else list(value) * (2 // len(value)))
