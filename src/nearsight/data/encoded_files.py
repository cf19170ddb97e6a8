"""The encoded files of a set's images, read again on request, whether or not their pixels are held in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, eq=False)
class EncodedFiles:
    """Where each file is: file i is in row `row[i]` of table `table[i]`, whose column `image` has bytes or a path.

    The tables are memory-mapped by `datasets`; `table` and `row` are int64 (n,).
    """

    tables: tuple["Dataset", ...]
    table: NDArray[np.int64]
    row: NDArray[np.int64]

    @staticmethod
    def of(rows: "Dataset", index: NDArray[np.int64]) -> "EncodedFiles":
        """Return the files of some rows of one table."""
        return EncodedFiles((rows.select_columns(["image"]),), np.zeros(len(index), np.int64), index)

    @staticmethod
    def joined(parts: Sequence["EncodedFiles"]) -> "EncodedFiles":
        """Return the files of several sets, one set after the other."""
        before = np.cumsum([0, *(len(part.tables) for part in parts)])
        return EncodedFiles(
            tuple(rows for part in parts for rows in part.tables),
            np.concatenate([part.table + first for part, first in zip(parts, before, strict=False)]),
            np.concatenate([part.row for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.row)

    def cell(self, i: int) -> Mapping[str, Any] | None:
        """Return the `bytes` and the `path` of file i, one of which may be missing."""
        found: Mapping[str, Any] | None = self.tables[int(self.table[i])][int(self.row[i])]["image"]
        return found

    def select(self, index: NDArray[np.int64]) -> "EncodedFiles":
        """Return a subset, in the order of `index`, without reading a file."""
        return replace(self, table=self.table[index], row=self.row[index])
