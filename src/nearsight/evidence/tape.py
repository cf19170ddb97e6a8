"""PyTorch's operations as a network runs, recorded step by step, and repeated from a given step on."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nearsight.evidence.operations import FlopCount, OperationMode

IMAGES = 0
"""The number of the value that the images themselves are."""


@dataclass(frozen=True)
class Value:
    """Stands, in an operation's arguments, for a tensor that depends on the images."""

    number: int


@dataclass(frozen=True, eq=False)
class Step:
    """One operation: its arguments, the number of the value that it gave, and its floating-point operations.

    `holder` is the first value of the tensor that holds the output; what an operation changes in place is another
    value of the same tensor.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: int
    holder: int
    shape: torch.Size
    flops: int

    @property
    def inputs(self) -> tuple[int, ...]:
        """The numbers of the values in its arguments."""
        return tuple(value.number for value in _values((*self.args, *self.kwargs.values())))


class Tape(OperationMode):
    """Records each operation on what depends on the images, and keeps all values.

    >>> images = torch.ones(1, 3, 4, 4)
    >>> with Tape(images, most=2**20) as tape:
    ...     pooled = images.relu_().mean((2, 3))
    >>> [(str(step.function), step.inputs, step.output, step.holder) for step in tape.steps]
    [('aten.relu_.default', (0,), 1, 0), ('aten.mean.dim', (1,), 2, 2)]

    Raises `MemoryError` if the values take more than `most` bytes together, and `ValueError` if a number is read
    from the images, because what is done next may depend on it.
    """

    def __init__(self, images: Tensor, *, most: int) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.values: dict[int, Tensor] = {IMAGES: images}
        self._most, self._held = most, 0
        # Tensors are recognised by their identity, and kept, so that no other gets it.
        self._current: dict[int, int] = {id(images): IMAGES}
        self._holders: dict[int, int] = {id(images): IMAGES}
        self._kept: list[Any] = [images]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given, named = (
            self._written(args),
            dict(zip(kwargs, self._written(tuple(kwargs.values())), strict=True)),
        )
        if not _values((*given, *named.values())):
            return func(*args, **kwargs)
        if func._schema.is_mutable and isinstance(given[0], Value):
            # Its old value may be needed in addition to the new one.
            self._keep(given[0].number, args[0].clone())
        with FlopCount() as count:
            output = func(*args, **kwargs)
        made = _tensors([output])
        if not made:
            raise ValueError(f"{func} reads a number from the images")
        # For several outputs, all that matters is that they depend on the images: such a step is never left out.
        numbers = [self._made(tensor) for tensor in made]
        holder = self._holders[id(made[0])]
        self.steps.append(Step(func, given, named, numbers[0], holder, made[0].shape, count.flops))
        return output

    def _made(self, tensor: Tensor) -> int:
        number = len(self.values)
        self._current[id(tensor)] = number
        self._holders.setdefault(id(tensor), number)
        self._keep(number, tensor)
        return number

    def forget(self, *, but: Set[int]) -> None:
        """Release all values except some."""
        self.values = {number: value for number, value in self.values.items() if number in but}
        self._kept = []

    def _keep(self, number: int, value: Tensor) -> None:
        self.values[number] = value
        self._kept.append(value)
        self._held += value.nbytes
        if self._held > self._most:
            raise MemoryError("the values of a pass take more than they may")

    def _written(self, args: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            self._written(arg) if isinstance(arg, tuple | list) and _tensors(arg) else self._one(arg)
            for arg in args
        )

    def _one(self, arg: Any) -> Any:
        number = self._current.get(id(arg)) if isinstance(arg, Tensor) else None
        return arg if number is None else Value(number)


class Rest(OperationMode):
    """Leaves out a tape's first steps when the network runs again, on any number of images; `values` replace them.

    >>> images = torch.ones(1, 3, 4, 4)
    >>> with Tape(images, most=2**20) as tape:
    ...     pooled = (2 * images).mean((2, 3))
    >>> with Rest(tape.steps[:1], {1: torch.full((2, 3, 4, 4), 5.0)}, given := torch.empty(2, 3, 4, 4)):
    ...     pooled = (2 * given).mean((2, 3))
    >>> pooled.tolist()
    [[5.0, 5.0, 5.0], [5.0, 5.0, 5.0]]

    `images` are never read. Raises `ValueError` if the network does something else than was recorded.
    """

    def __init__(self, steps: Sequence[Step], values: Mapping[int, Tensor], images: Tensor) -> None:
        super().__init__()
        self._steps, self._values, self._images = steps, values, images
        self._last = {step.holder: step.output for step in steps}
        self._known: dict[int, Any] = {id(images): images}
        self._done = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._done == len(self._steps) or not self._depends((*args, *kwargs.values())):
            return self.rest(func, args, kwargs)
        step = self._steps[self._done]
        if func is not step.function:
            raise ValueError(f"the network does {func} where it did {step.function}")
        self._done += 1
        if step.holder != step.output:
            return args[0]
        value = self._values.get(self._last[step.holder])
        if value is None:
            # It is never read, so it takes no memory.
            value = self._images.new_empty(1).expand(len(self._images), *step.shape[1:])
        self._known[id(value)] = value
        return value

    def _depends(self, args: Sequence[Any]) -> bool:
        return any(id(tensor) in self._known for tensor in _tensors(args))

    def rest(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Execute what comes after the steps that are left out."""
        return func(*args, **kwargs)


def _tensors(args: Sequence[Any]) -> list[Tensor]:
    return [leaf for leaf in _flat(args) if isinstance(leaf, Tensor)]


def _values(args: Sequence[Any]) -> list[Value]:
    return [leaf for leaf in _flat(args) if isinstance(leaf, Value)]


def _flat(args: Sequence[Any]) -> Iterator[Any]:
    for arg in args:
        if isinstance(arg, tuple | list):
            yield from _flat(arg)
        else:
            yield arg
