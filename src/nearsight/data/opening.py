"""Opening the splits of a set: what can be read, and whether it is held in memory or streams."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nearsight.data.annotations import read_annotations
from nearsight.data.attaching import with_annotations, with_annotations_beside
from nearsight.data.encoded_files import EncodedFiles
from nearsight.data.groups import with_times
from nearsight.data.identity import Identity, relative_paths
from nearsight.data.image_set import ImageSet, MemoryImages, StreamedImages, image_name
from nearsight.data.labels import find_labels, require_classes
from nearsight.data.region_columns import Source, column_regions
from nearsight.data.scan import Scan, read_pixels, scan
from nearsight.data.table import Table
from nearsight.data.values import loss_notes, settled_range
from nearsight.errors import InputError, listed
from nearsight.settings import Reading

MEMORY_LIMIT = 2 * 1024**3
# In pixels; larger images stream, because decoding a photograph costs little compared with what is done with it.
LARGEST_HELD = 1024**2


def open_tables(
    name: str,
    tables: Mapping[str, Table],
    reading: Reading,
    place: Path | None = None,
    folder: Path | None = None,
) -> tuple[dict[str, ImageSet], list[str]]:
    """Read the labels and sizes of every split, and the pixels of uniform splits of small images in a set of 2 GiB.

    Splits without labels are left out, with a note. An image that cannot be read is an error, or with `skip_bad`
    is left out, with a note; every image is then decoded once to find out. By their paths below `place`, the
    set's own, images are recognised again. One `value_range` of images of more than 8 bits becomes 0 to 255, by
    default what `settled_range` finds for all splits. Regions are those of `reading`, or those beside the images
    in `folder`. Raises `InputError` for images that cannot be read, labels missing or out of range, and for a set
    with fewer than two classes.
    """
    notes = [f"{split}: {note}" for split, table in tables.items() for note in table.notes]
    classes, labels, more = find_labels(name, tables)
    notes += more
    source: Source = "table"
    if reading.regions is not None:
        source = "asked"
        annotations = read_annotations(Path(reading.regions))
        tables, more = with_annotations(tables, annotations, labels, classes)
        notes += more
    elif folder is not None:
        source = "beside"
        tables, more = with_annotations_beside(tables, folder, labels, classes)
        notes += more
    scans: dict[str, Scan] = {}
    keep: dict[str, NDArray[np.int64]] = {}
    for split in labels:
        scans[split] = scan(tables[split].rows, split, full=reading.skip_bad)
        keep[split] = _without(scans[split].faults, name, split, tables[split], reading.skip_bad, notes)
    labels = {split: numbers[keep[split]] for split, numbers in labels.items()}
    require_classes(name, labels, classes)
    notes += [note for split, found in scans.items() for note in _unread(found, split)]
    held = {split: [scans[split].values[row] for row in sorted(scans[split].values)] for split in labels}
    value_range, told = settled_range(name, chain.from_iterable(held.values()), reading.value_range)
    notes += [*told, *loss_notes(held)]
    sizes = {split: scans[split].sizes[keep[split]] for split in labels}
    uniform = [split for split in labels if _can_be_held(sizes[split])]
    in_memory = sum(3 * sizes[split].astype(np.int64).prod(1).sum() for split in uniform) <= MEMORY_LIMIT

    found: dict[str, ImageSet] = {}
    for split in labels:
        rows, index = tables[split].rows, keep[split]
        paths = scans[split].paths
        images: MemoryImages | StreamedImages
        if in_memory and split in uniform:
            height, width = (int(side) for side in sizes[split][0])
            pixels, faults = read_pixels(rows, split, height, width, value_range)
            if not reading.skip_bad:
                _without(faults, name, split, tables[split], reading.skip_bad, notes)
            named = tuple(path or image_name(None, split, row) for row, path in enumerate(paths))
            images = MemoryImages(pixels, named, value_range)
            images = images if len(index) == len(images) else images.select(index)
        else:
            images = StreamedImages(
                rows.select_columns(["image"]), index, sizes[split], split, value_range=value_range
            )
        regions = column_regions(rows, index, scans[split], split, notes, source=source)
        columns = with_times(tables[split].columns, scans[split].taken)
        if columns is not None and len(index) < len(columns):
            columns = columns.take(index)
        identity = Identity(relative_paths(paths, place), scans[split].digests)
        found[split] = ImageSet(
            name,
            split,
            classes,
            labels[split],
            images,
            regions,
            columns,
            identity.select(index),
            EncodedFiles.of(rows, index),
        )
    return found, notes


def _unread(found: Scan, split: str) -> list[str]:
    """Report images whose EXIF is damaged; they are still read."""
    if not found.unread:
        return []
    row, fault = next(iter(found.unread.items()))
    return [
        f"{split}: the EXIF of {len(found.unread)} of {len(found.sizes)} images cannot be read whole, such as that "
        f"of {image_name({'path': found.paths[row]}, split, row)} ({fault}); what it lacks is not known of them"
    ]


def _can_be_held(sizes: NDArray[np.int32]) -> bool:
    """Whether images have one size, and are small enough that decoding each only once is worth its memory."""
    return bool((sizes == sizes[0]).all()) and int(sizes[0].astype(np.int64).prod()) <= LARGEST_HELD


def _without(
    faults: Mapping[int, str], name: str, split: str, table: Table, skip_bad: bool, notes: list[str]
) -> NDArray[np.int64]:
    count = len(table.rows)
    if faults:
        # To name an image, its row is read.
        named = listed(
            (f"{table.name(row, split)} ({fault})" for row, fault in faults.items()), count=len(faults)
        )
        told = f"{len(faults)} of {count} images of {name} {split} cannot be read: {named}"
        if not skip_bad:
            raise InputError(f"{told}; repair or remove them, or leave them out with `skip_bad=True`")
        if len(faults) == count:
            raise InputError(f"{told}; nothing is left")
        notes.append(f"skipped: {told}")
    return np.setdiff1d(np.arange(count), np.fromiter(faults, dtype=np.int64, count=len(faults)))
