"""What long work has found, kept on disk block by block, so that the same work continues after an interruption."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from nearsight.errors import InputError
from nearsight.read import read_tensors
from nearsight.runs.run import METADATA
from nearsight.schema import numbered
from nearsight.stopping import continuing
from nearsight.write import plain, write_tensors

T = TypeVar("T")

# Blocks are written this many seconds after the last, or if so many bytes wait.
KEEP_SECONDS, MOST_WAITING = 20.0, 256 * 2**20


@dataclass(frozen=True)
class BlockForm(Generic[T]):
    """How a block is written, as tensors and what JSON can hold, and read again."""

    packed: Callable[[T], tuple[Mapping[str, Tensor], Mapping[str, Any]]]
    unpacked: Callable[[Mapping[str, Tensor], Mapping[str, Any]], T]


class KeptBlocks(Generic[T]):
    """The blocks of images that are done already, in a directory, if they belong to the same work.

    >>> import tempfile, torch
    >>> form = BlockForm[Tensor](lambda scores: ({"scores": scores}, {}), lambda tensors, said: tensors["scores"])
    >>> kept = KeptBlocks(Path(tempfile.mkdtemp()) / "parts", form, lambda block: {"weights": "1f"})
    >>> with kept.writing():
    ...     kept.add(7, torch.ones(2))
    ...     raise RuntimeError("interrupted")
    Traceback (most recent call last):
    RuntimeError: interrupted
    >>> KeptBlocks(kept.directory, form, lambda block: {"weights": "1f"}).known(range(9))
    {7}
    >>> KeptBlocks(kept.directory, form, lambda block: {"weights": "2e"}).known(range(9))
    set()

    `made_with` gives everything on which a block depends, as JSON can hold it, or None if that is not known; then it
    is not kept. Blocks of other work, or damaged ones, are not known, and made again.
    """

    def __init__(
        self, directory: Path, form: BlockForm[T], made_with: Callable[[int], Mapping[str, Any] | None]
    ) -> None:
        self.directory, self.form = directory, form
        self._asked = made_with
        self._waiting: dict[int, tuple[Mapping[str, Tensor], Mapping[str, Any]]] = {}
        self._bytes = 0
        self._written = time.monotonic()
        # Whether there are blocks of this work.
        self._begun = False

    def known(self, blocks: Iterable[int]) -> set[int]:
        """Return which of some blocks can be read."""
        return {block for block in blocks if self.read(block) is not None}

    def read(self, block: int) -> T | None:
        """Return a block that was kept; None if it was not."""
        file = self._file(block)
        if not file.is_file():
            return None
        with suppress(InputError, AttributeError, IndexError, ValueError, KeyError, TypeError):
            tensors, said = read_tensors(file, "make it again")
            found = json.loads(said[METADATA])
            made_with = plain(self._asked(block))
            if made_with is not None and found["made_with"] == made_with:
                block_found = self.form.unpacked(tensors, found)
                self._begun = True
                return block_found
        return None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While entered, what is added is kept, even if it ends with an error.

        Short work leaves nothing: if it ends well, and no block of it was written before, none is.
        """
        with continuing(self.directory):
            try:
                yield
            except BaseException:
                self._write()
                raise
        if self._begun:
            self._write()

    def add(self, block: int, found: T) -> None:
        """Take a block, which is written from time to time."""
        tensors, _ = self._waiting[block] = self.form.packed(found)
        self._bytes += sum(tensor.nbytes for tensor in tensors.values())
        if self._bytes > MOST_WAITING or time.monotonic() - self._written > KEEP_SECONDS:
            self._write()

    def _write(self) -> None:
        """Write the waiting blocks."""
        for block, (tensors, said) in self._waiting.items():
            made_with = plain(self._asked(block))
            if made_with is not None:
                values = plain(numbered("block", {"made_with": made_with, **said}))
                self._begun = True
                write_tensors(self._file(block), tensors, {METADATA: json.dumps(values)})
        self._waiting.clear()
        self._bytes, self._written = 0, time.monotonic()

    def _file(self, block: int) -> Path:
        return self.directory / f"block-{block:06}.safetensors"
