"""Reading every image of a table once, cached on disk: its size, whether it can be read, its pixels."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.boxes import four_numbers
from nearsight.data.decode import (
    Header,
    allowed_pixels,
    decode_image,
    image_header,
    most_pixels,
    named_faults,
    read_encoded,
)
from nearsight.data.decode_memory import decode_memory
from nearsight.data.drawn_masks import MaskLook, look_at_mask
from nearsight.data.identity import digest_of
from nearsight.data.image_set import image_file, image_name
from nearsight.data.kept import kept_of
from nearsight.data.large_image import large_image, measured, needs_parts
from nearsight.data.part_readers import reads_parts
from nearsight.data.regions import COLUMN_KINDS, REGION_COLUMNS, cells_mask
from nearsight.data.stamps import stamp_of_sources
from nearsight.data.values import Measured, ValueRange, measuring, values_from
from nearsight.errors import InputError
from nearsight.together import processes_here

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

# Part of the cache's key: increase it when decoding changes, so that older cached results are read again.
_DECODING = 8
_BATCH = 128
# In bytes of pixels; a batch is held several times while it is stored.
_TOGETHER = 16 * 2**20


@dataclass(frozen=True, eq=False)
class Scan:
    """The results of one pass over a table: sizes int32 (n, 2), the faults by row, and how masks look, by row.

    `values` is what the images hold, by row, that have more than 8 bits, an alpha of 0 everywhere or several
    frames, and `misfits` is what is wrong with regions that are not of their kind. `paths` are those in the
    table, and `digests`, text (n,), those of the encoded images; `taken` is when each was taken, as EXIF writes
    it, and `unread` is why EXIF cannot be read completely, by row.
    """

    sizes: NDArray[np.int32]
    faults: dict[int, str]
    looks: dict[int, MaskLook]
    values: dict[int, Measured]
    misfits: dict[int, str]
    paths: list[str | None]
    digests: NDArray[np.str_]
    taken: list[str | None]
    unread: dict[int, str]


def scan(rows: "Dataset", split: str, *, full: bool) -> Scan:
    """Read the header of every image, or with `full` decode it, and look at every drawn mask.

    Images of more than 8 bits and those with alpha are always decoded, because their values matter. The result is
    kept in the cache of sets. An image that cannot be read is a fault, not an error; its size is 0×0.
    Of several processes within `all_processes` each reads its share.
    """
    import pyarrow as pa

    processes = processes_here()
    own = processes.share(len(rows), _BATCH)
    parts = processes.each(lambda: _measured(rows, split, own, full=full))
    columns = parts[0] if len(parts) == 1 else pa.concat_tables(parts)
    return Scan(
        np.stack([columns["height"].to_numpy(), columns["width"].to_numpy()], axis=1),
        _said(columns["fault"]),
        _looks(columns["look"].to_pylist()),
        _values(columns),
        _said(columns["misfit"]),
        columns["path"].to_pylist(),
        np.array(columns["digest"].to_pylist(), dtype=np.str_),
        columns["taken"].to_pylist(),
        _said(columns["unread"]),
    )


def _measured(rows: "Dataset", split: str, own: range, *, full: bool) -> "pa.Table":
    from datasets import Features, Value

    features = Features(
        height=Value("int32"),
        width=Value("int32"),
        fault=Value("string"),
        look=Value("string"),
        misfit=Value("string"),
        depth=Value("string"),
        low=Value("float64"),
        high=Value("float64"),
        clear=Value("bool"),
        frames=Value("bool"),
        path=Value("string"),
        digest=Value("string"),
        taken=Value("string"),
        unread=Value("string"),
    )
    if not len(own):
        # A table of no rows would lose its columns.
        return features.arrow_schema.remove_metadata().empty_table()
    found = kept_of(
        rows if len(own) == len(rows) else rows.select(own),
        _Measure(split, full, stamp_of_sources(rows), own.start),
        batch_size=_BATCH,
        with_indices=True,
        features=features,
        desc=f"{'checking' if full else 'measuring'} the images of {split}",
    )
    return found.with_format("arrow")[:].replace_schema_metadata(None)


def _said(column: "pa.ChunkedArray") -> dict[int, str]:
    return {row: text for row, text in enumerate(column.to_pylist()) if text is not None}


def _looks(written: list[str | None]) -> dict[int, MaskLook]:
    # Most masks look alike.
    different = {text: MaskLook(**_tuples(json.loads(text))) for text in set(written) if text is not None}
    return {row: different[text] for row, text in enumerate(written) if text is not None}


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _values(columns: "pa.Table") -> dict[int, Measured]:
    kept = columns.select(["depth", "low", "high", "clear", "frames"])
    told = columns["clear"].to_numpy() | columns["frames"].to_numpy()
    rows = np.flatnonzero(columns["depth"].is_valid().to_numpy() | told)
    return {int(row): Measured(**found) for row, found in zip(rows, kept.take(rows).to_pylist(), strict=True)}


def read_pixels(
    rows: "Dataset", split: str, height: int, width: int, value_range: ValueRange | None = None
) -> tuple[Tensor, dict[int, str]]:
    """Decode a table of images of one size to one tensor, uint8 (n, 3, height, width), and the faults by row.

    The pixels are kept in the cache of sets; a faulty image is left black.
    """
    from datasets import Features, Value

    together = max(1, min(_BATCH, _TOGETHER // (3 * height * width)))
    decoded = kept_of(
        rows,
        _Decode(height, width, value_range, stamp_of_sources(rows)),
        batch_size=together,
        writer_batch_size=together,
        features=Features(pixels=Value("binary"), fault=Value("string")),
        desc=f"decoding the images of {split}",
    ).with_format("arrow")
    pixels = np.empty((len(rows), 3, height, width), dtype=np.uint8)
    faults: dict[int, str] = {}
    for start in range(0, len(rows), together):
        batch = decoded[start : start + together]
        raw = np.frombuffer(b"".join(batch["pixels"].to_pylist()), dtype=np.uint8)
        pixels[start : start + len(batch)] = raw.reshape(-1, 3, height, width)
        told = enumerate(batch["fault"].to_pylist(), start)
        faults |= {row: fault for row, fault in told if fault is not None}
    return torch.from_numpy(pixels), faults


# `datasets` applies frozen dataclasses to batches, because their fields are the key of its cache.
@dataclass(frozen=True)
class _Measure:
    split: str
    full: bool
    sources: str
    first: int
    decoding: int = _DECODING
    max_pixels: int | None = field(default_factory=most_pixels)
    # An image that is refused today can be read tomorrow with more memory.
    memory: int = field(default_factory=decode_memory)
    # What is found about images too large to be decoded whole.
    in_parts: bool = field(default_factory=reads_parts)

    def __call__(self, batch: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
        column = next((name for name in batch if name in COLUMN_KINDS), None)
        names = (
            "height",
            "width",
            "fault",
            "look",
            "misfit",
            "depth",
            "low",
            "high",
            "clear",
            "frames",
            "path",
            "digest",
            "taken",
            "unread",
        )
        found: dict[str, list[Any]] = {name: [] for name in names}
        for k, cell in enumerate(batch["image"]):
            content, fault = _content(cell)
            (height, width), fault, values, header = (
                ((0, 0), fault, Measured(), None) if fault else self._read(content)
            )
            look = misfit = None
            if column is not None and fault is None and batch[column][k] is not None:
                try:
                    look = _look(batch[column][k], column, height, width)
                except InputError as error:
                    misfit = f"{image_name(cell, self.split, self.first + rows[k])}: {error}"
            one = {
                "height": height,
                "width": width,
                "fault": fault,
                "look": look,
                "misfit": misfit,
                **asdict(values),
                "path": (cell or {}).get("path"),
                "digest": digest_of(content),
                "taken": header and header.taken,
                "unread": header and header.unread,
            }
            for name in names:
                found[name].append(one[name])
        return found

    def _read(self, file: bytes | str) -> tuple[tuple[int, int], str | None, Measured, Header | None]:
        try:
            with allowed_pixels(self.max_pixels):
                large = None if isinstance(file, bytes) else large_image(file, "image")
                if large is not None:
                    looked = self.full or large.depth is not None
                    return (large.height, large.width), None, measured(large) if looked else Measured(), None
                header = image_header(file, "image")
                if not (self.full or header.deep_or_clear):
                    return header.size, None, Measured(frames=header.frames), header
                with measuring() as values:
                    _, height, width = decode_image(file, "image").shape
                found = values[0] if values else Measured()
                return (height, width), None, replace(found, frames=header.frames), header
        except InputError as error:
            return (0, 0), _reason(error, file), Measured(), None


@dataclass(frozen=True)
class _Decode:
    height: int
    width: int
    value_range: ValueRange | None
    sources: str
    decoding: int = _DECODING
    max_pixels: int | None = field(default_factory=most_pixels)
    memory: int = field(default_factory=decode_memory)
    in_parts: bool = field(default_factory=reads_parts)

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {"pixels": [], "fault": []}
        for cell in batch["image"]:
            file: bytes | str = b""
            try:
                file = image_file(cell)
                with allowed_pixels(self.max_pixels), values_from(self.value_range):
                    pixels, fault = _held(file).numpy().tobytes(), None
            except InputError as error:
                pixels, fault = bytes(3 * self.height * self.width), _reason(error, file)
            found["pixels"].append(pixels)
            found["fault"].append(fault)
        return found


def _held(file: bytes | str) -> Tensor:
    """Decode an image that must be held in any case, even if that takes more memory than decoding may."""
    large = None if isinstance(file, bytes) else large_image(file, "image")
    return decode_image(file, "image") if large is None else torch.cat([*large.parts()], 1)


def _look(value: Any, column: str, height: int, width: int) -> str | None:
    """Describe a mask as JSON; raises `InputError` for any region that is not of its kind."""
    kind = REGION_COLUMNS.get(column)
    if kind == "mask":
        return json.dumps(asdict(look_at_mask(value, height, width)))
    if kind == "boxes":
        four_numbers(value)
    elif kind == "cells":
        cells_mask(value, 1, 1)
    return None


def _content(cell: Mapping[str, Any] | None) -> tuple[bytes | str, str | None]:
    """Return the encoded bytes of an image, or else none and why they cannot be read.

    For a file that is read part by part, the path is returned, because it may be larger than memory.
    """
    file: bytes | str = b""
    try:
        file = image_file(cell)
        if isinstance(file, bytes):
            return file, None
        with named_faults(file, "image"):
            return (file, None) if needs_parts(file) else (read_encoded(file), None)
    except InputError as error:
        return b"", _reason(error, file)


def _reason(error: InputError, file: bytes | str) -> str:
    said = str(error).removeprefix("cannot read image: ")
    # A file that is read part by part names itself.
    return said if isinstance(file, bytes) else said.removeprefix(f"cannot read {file}: ")
