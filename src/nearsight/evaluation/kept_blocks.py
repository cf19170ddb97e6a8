"""The scores of an evaluation, kept on disk block by block, so that an interrupted one continues."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from nearsight.errors import InputError
from nearsight.evaluation.scoring import PartScores
from nearsight.read import read_tensors
from nearsight.runs.run import METADATA
from nearsight.schema import numbered
from nearsight.write import plain, write_tensors

# Blocks are written this many seconds after the last.
KEEP_SECONDS = 20.0


class KeptBlocks:
    """The blocks of images that are already scored, in a directory, if they belong to the same evaluation.

    >>> import tempfile
    >>> import numpy as np
    >>> kept = KeptBlocks(Path(tempfile.mkdtemp()) / "parts", lambda: {"weights": "1f"})
    >>> with kept.writing():
    ...     kept.add(7, PartScores({"vote": np.ones((2, 3), np.float32)}, {}, 8))
    ...     raise RuntimeError("interrupted")
    Traceback (most recent call last):
    RuntimeError: interrupted
    >>> list(KeptBlocks(kept.directory, lambda: {"weights": "1f"}).among(range(9)))
    [7]
    >>> list(KeptBlocks(kept.directory, lambda: {"weights": "2e"}).among(range(9)))
    []

    `made_with` gives everything on which scores depend, as JSON can hold it, or None if that is not known; then
    nothing is kept. Blocks of another evaluation, or damaged ones, are ignored and scored again.
    """

    def __init__(self, directory: Path, made_with: Callable[[], Mapping[str, Any] | None]) -> None:
        self.directory = directory
        self._asked = made_with
        self._waiting: dict[int, PartScores] = {}
        self._written = time.monotonic()

    @cached_property
    def _made_with(self) -> Any:
        return plain(self._asked())

    def among(self, blocks: Iterable[int]) -> dict[int, PartScores]:
        """Return the scores of the blocks that have been scored."""
        if not self.directory.is_dir():
            return {}
        read = {block: self._read(self._file(block)) for block in blocks}
        return {block: part for block, part in read.items() if part is not None}

    def _read(self, file: Path) -> PartScores | None:
        if not file.is_file():
            return None
        with suppress(InputError, ValueError, KeyError, TypeError):
            tensors, said = read_tensors(file, "evaluate again")
            found = json.loads(said[METADATA])
            if self._made_with is not None and found["made_with"] == self._made_with:
                scores = {name: values.numpy() for name, values in tensors.items()}
                return PartScores(scores, dict(found["left_out"]), int(found["tiles"]))
        return None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While entered, what is added is kept, even if it ends with an error."""
        try:
            yield
        except BaseException as error:
            if self._write() and isinstance(error, KeyboardInterrupt):
                error.args = ("interrupted; what was scored is kept: the same command continues",)
            raise

    def add(self, block: int, scores: PartScores) -> None:
        """Take the scores of a block, which are written from time to time."""
        self._waiting[block] = scores
        if time.monotonic() - self._written > KEEP_SECONDS:
            self._write()

    def _write(self) -> bool:
        """Write the waiting blocks; return whether any block is kept."""
        if self._waiting and self._made_with is not None:
            for block, part in self._waiting.items():
                said = {"made_with": self._made_with, "left_out": part.left_out, "tiles": part.tiles}
                tensors = {name: torch.from_numpy(rows.copy()) for name, rows in part.scores.items()}
                write_tensors(self._file(block), tensors, {METADATA: json.dumps(numbered("block", said))})
        self._waiting.clear()
        self._written = time.monotonic()
        return self.directory.is_dir()

    def _file(self, block: int) -> Path:
        return self.directory / f"block-{block:06}.safetensors"
