"""Labelled images from any source, by name or in memory, as image sets."""

import operator
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.data.bars import can_redraw, without_bars
from nearsight.data.class_names import agree
from nearsight.data.conversion import to_pixels
from nearsight.data.identity import Identity, digest_of_pixels
from nearsight.data.image_set import MEND, GivenImages, ImageSet, ImageSets, MemoryImages
from nearsight.data.labels import find_labels, named_by_number
from nearsight.data.loading import load
from nearsight.data.opening import MEMORY_LIMIT, open_tables
from nearsight.data.splits import cut
from nearsight.data.table import as_table
from nearsight.data.values import Measured, ValueRange, loss_notes, measuring, settled_range
from nearsight.errors import InputError, listed
from nearsight.progress import SILENT, Progress
from nearsight.settings import Reading, ReadingOptions
from nearsight.settings.choices import DEFAULT_VALIDATION
from nearsight.signatures import takes_fields_of

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Many: TypeAlias = Sequence[Any] | torch.Tensor | NDArray[Any]
# `datasets` is not imported only for its types.
Held: TypeAlias = Union[ImageSet, torch.utils.data.Dataset[Any], tuple[Many, Many], "Dataset"]
Data: TypeAlias = Union[str, Path, ImageSets, Mapping[str, Held], Held, "DatasetDict"]

IN_MEMORY = "in memory: "
_ALL = "train"
_EXPECTED = (
    "a name, a path, an ImageSet, a datasets.Dataset, a torch Dataset of (image, label), (images, labels), or a "
    "mapping from splits to these"
)


@takes_fields_of(Reading)
def image_sets(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    validation: float = DEFAULT_VALIDATION,
    seed: int = 0,
    progress: Progress = SILENT,
    **options: Unpack[ReadingOptions],
) -> ImageSets:
    """Return the splits of a set that is named or held in memory; missing ones are made from train as by `load`.

    >>> images, labels = torch.zeros(40, 3, 8, 8, dtype=torch.uint8), ["cat", "dog"] * 20
    >>> sets = image_sets((images, labels))
    >>> sets.name, {split: len(part) for split, part in sets.items()}
    ('in memory: 40 images, fingerprint 5afe7f11b6fb', {'train': 28, 'val': 3, 'test': 9})

    `data` is what `load` takes; an `ImageSet` or `ImageSets`; a `datasets.Dataset` or `DatasetDict`; a PyTorch
    data set, whose items are (image, label); a pair (images, labels); or a mapping from splits to any of these.
    Images are what `to_pixels` takes. Labels are names, or numbers of `classes`, which are only needed if the
    data does not name its own. Items are read once, for their sizes; images of one size that take at most 2 GiB
    are kept, others are read again on every request.

    Raises `InputError` for anything else, and for images or labels that cannot be used.
    """
    if isinstance(data, str | Path):
        return load(data, validation=validation, seed=seed, progress=progress, **options)
    held = held_sets(data, classes=classes, progress=progress, **options)
    if classes is not None:
        require_names(held, classes)
    return cut(held, validation, seed)


@takes_fields_of(Reading)
def held_sets(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    progress: Progress = SILENT,
    **options: Unpack[ReadingOptions],
) -> ImageSets:
    """Return the splits of a set held in memory as they are; images without a split are `train`.

    Takes what `image_sets` takes, except names and paths, and raises in the same cases. `classes` are only used
    if the data does not name its own.
    """
    names = None if classes is None else tuple(map(str, classes))
    splits: dict[str, Any] = dict(data) if isinstance(data, Mapping) else {_split(data): data}
    if not splits:
        raise InputError(f"the data holds no splits; expected {_EXPECTED}")
    notes: list[str] = [*data.notes] if isinstance(data, ImageSets) else []
    found: dict[str, ImageSet] = {split: held for split, held in splits.items() if isinstance(held, ImageSet)}
    rest = {split: held for split, held in splits.items() if split not in found}
    if rest:
        known = next((images.classes for images in found.values()), names)
        read = _open_all if all(map(_is_table, rest.values())) else _read_all
        found |= read(rest, known, Reading(**options), notes, progress)
        found = {split: found[split] for split in splits if split in found}
    found = _alike(found, notes)
    name = recorded_name(found)
    found = {
        split: replace(images, name=name) if split in rest else images for split, images in found.items()
    }
    return ImageSets(
        name,
        found,
        tuple(notes),
        isinstance(data, ImageSets) and data.splits_follow_seed,
        Reading(**options),
    )


def _alike(splits: dict[str, ImageSet], notes: list[str]) -> dict[str, ImageSet]:
    """Number the classes of all splits alike, by name, if they were made separately."""
    if len({images.classes for images in splits.values()}) < 2:
        return splits
    lists = {split: images.classes for split, images in splits.items()}
    agreed = agree(lists, "train" if "train" in lists else next(iter(lists)), "the data")
    notes += agreed.notes
    return {
        split: replace(images, classes=agreed.classes, labels=np.array(agreed.places[split])[images.labels])
        for split, images in splits.items()
    }


def require_names(sets: ImageSets, classes: Sequence[str]) -> None:
    """Raise `InputError` if a set names other classes than those that were given for it."""
    if sets.classes != tuple(classes):
        raise InputError(
            f"the data names its classes {listed(sets.classes)}, but `classes` names {listed(classes)}; leave "
            "`classes` out, or give data with these"
        )


def recorded_name(splits: Mapping[str, ImageSet]) -> str:
    """Return what a run records about data held in memory: the number of images, and a fingerprint."""
    digest = sha256()
    for split, images in splits.items():
        digest.update(repr((split, images.classes)).encode())
        digest.update(images.labels.tobytes())
        digest.update(np.ascontiguousarray(images.sizes).tobytes())
        seen = images.pixels if images.pixels is not None else _first_pixels(images)
        digest.update(np.ascontiguousarray(seen.numpy()).data)
    count = sum(len(images) for images in splits.values())
    return f"{IN_MEMORY}{count} images, fingerprint {digest.hexdigest()[:12]}"


def _first_pixels(images: ImageSet) -> torch.Tensor:
    """Return the first image, or the first rows of one that is too large to be held."""
    image = images.looked_at(0)
    return image if isinstance(image, torch.Tensor) else next(image.parts())


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Images and their labels side by side."""

    images: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return self.images[i], self.labels[i]


@dataclass(frozen=True, eq=False)
class _Read:
    """The items of one split, read once: `kept` are their pixels if these are held, all of one size.

    `values` is what the images hold that have more than 8 bits or alpha; `digests` recognise all of them again.
    """

    taken: GivenImages
    kept: list[torch.Tensor] | None
    values: list[Measured]
    digests: list[str]
    labels: NDArray[np.int64] | list[str | None] | None
    classes: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.taken)

    def name(self, row: int, _split: str) -> str:
        return self.taken.path(row)

    def images(self, value_range: ValueRange | None) -> MemoryImages | GivenImages:
        """The images; those of more than 8 bits were only measured, and are now read in this range."""
        taken, kept = replace(self.taken, value_range=value_range), self.kept
        if kept is None:
            return taken
        if any(image.depth is not None for image in self.values):
            kept = [taken.image(i) for i in range(len(taken))]
        return MemoryImages(torch.stack(kept), tuple(map(taken.path, range(len(taken)))), value_range)

    def digests_in(self, value_range: ValueRange | None) -> NDArray[np.str_]:
        """What recognises the images again, text (n,); for those that were only measured, when read in this range."""
        digests = self.digests
        if any(image.depth is not None for image in self.values):
            images = self.images(value_range)
            digests = [digest_of_pixels(images.image(i)) for i in range(len(images))]
        return np.array(digests, dtype=np.str_)


def _split(data: Any) -> str:
    return data.split if isinstance(data, ImageSet) else _ALL


def _is_table(data: Any) -> bool:
    # Of `datasets`, which is not imported to look at what may be anything.
    return all(hasattr(data, name) for name in ("features", "select_columns", "cast_column", "__len__"))


def _open_all(
    splits: Mapping[str, Any],
    classes: tuple[str, ...] | None,
    reading: Reading,
    notes: list[str],
    progress: Progress,
) -> dict[str, ImageSet]:
    tables = {}
    for split, rows in splits.items():
        table = as_table(rows.with_format(None), f"the {split} data")
        if table.classes is None and classes is not None:
            by_name = named_by_number(table.labels, classes)
            table = replace(table, classes=classes, labels=table.labels if by_name is None else by_name)
        tables[split] = table
    with nullcontext() if progress is not SILENT and can_redraw() else without_bars():
        found, more = open_tables("the data", tables, reading)
    notes += more
    return found


def _read_all(
    splits: Mapping[str, Any],
    classes: tuple[str, ...] | None,
    reading: Reading,
    notes: list[str],
    progress: Progress,
) -> dict[str, ImageSet]:
    read = {
        split: _read(_items(held, split), _own_classes(held), classes, split, reading, notes, progress)
        for split, held in splits.items()
    }
    named, labels, more = find_labels("the data", read)
    held = {split: read[split].values for split in labels}
    value_range, told = settled_range("the data", chain.from_iterable(held.values()), reading.value_range)
    notes += [*more, *told, *loss_notes(held)]
    return {
        split: ImageSet(
            "",
            split,
            named,
            labels[split],
            read[split].images(value_range),
            # Their places may be others tomorrow, so only their content recognises them.
            known_identity=Identity(np.full(len(read[split]), ""), read[split].digests_in(value_range)),
        )
        for split in labels
    }


def _items(data: Any, split: str) -> Any:
    if isinstance(data, tuple) and len(data) == 2 and all(map(_has_length, data)):
        images, labels = data
        if len(images) != len(labels):
            raise InputError(
                f"{len(images)} images and {len(labels)} labels were given; give each image one label"
            )
        data = _Pairs(images, labels)
    if not (_has_length(data) and hasattr(data, "__getitem__")) or isinstance(data, str | Path):
        raise InputError(f"the data is a {type(data).__name__}; expected {_EXPECTED}")
    if not len(data):
        raise InputError(f"the split '{split}' of the data holds no images; fill it or remove it")
    return data


def _has_length(data: Any) -> bool:
    try:
        return len(data) >= 0
    # What a class of the caller's raises is of any kind, as that of nested tensors does.
    except Exception:
        return False


def _own_classes(data: Any) -> tuple[str, ...] | None:
    """The class names of a PyTorch data set, its own or those of the set beneath it."""
    while data is not None:
        own = getattr(data, "classes", None)
        if isinstance(own, list | tuple) and own and all(isinstance(name, str) for name in own):
            return tuple(own)
        data = getattr(data, "dataset", None)
    return None


def _read(
    items: Any,
    own: tuple[str, ...] | None,
    classes: tuple[str, ...] | None,
    split: str,
    reading: Reading,
    notes: list[str],
    progress: Progress,
) -> _Read:
    kept: list[torch.Tensor] = []
    index: list[int] = []
    sizes: list[tuple[int, int]] = []
    labels: list[int | str] = []
    faults: list[str] = []
    values: list[Measured] = []
    digests: list[str] = []
    held, uniform = 0, True
    for i in range(len(items)):
        image, label = _pair(items[i], i, split)
        try:
            with measuring() as measured:
                pixels = to_pixels(image, f"image {i} of {split}")
        except InputError as error:
            if not reading.skip_bad:
                raise InputError(f"{error}; {MEND}") from error
            faults.append(str(error))
            continue
        index.append(i)
        values += measured
        digests.append(digest_of_pixels(pixels))
        labels.append(_label(label, i, split))
        sizes.append((pixels.shape[1], pixels.shape[2]))
        held += pixels.numel()
        uniform = uniform and sizes[-1] == sizes[0] and held <= MEMORY_LIMIT
        if uniform:
            kept.append(pixels)
        else:
            kept.clear()
        progress.count(f"reading the images of {split}", i + 1, len(items))
    if faults:
        notes.append(f"skipped: {len(faults)} of {len(items)} images of {split}: {faults[0]}")
    if not index:
        raise InputError(f"no image of {split} can be read: {faults[0]}")
    taken = GivenImages(items, np.array(index), np.array(sizes, dtype=np.int32), split)
    given = _numbers_or_names(labels, split)
    by_name = named_by_number(given, classes) if own is None and classes is not None else None
    return _Read(
        taken,
        kept if uniform else None,
        values,
        digests,
        given if by_name is None else by_name,
        own or classes,
    )


def _pair(item: Any, i: int, split: str) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    raise InputError(f"item {i} of {split} is a {type(item).__name__}; expected a pair (image, label)")


def _label(label: Any, i: int, split: str) -> int | str:
    if isinstance(label, str):
        return str(label)
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return int(label)
    try:
        return operator.index(label)
    except TypeError:
        raise InputError(
            f"the label of image {i} of {split} is {label!r}; expected a whole number or a class name"
        ) from None


def _numbers_or_names(labels: Sequence[int | str], split: str) -> NDArray[np.int64] | list[str | None]:
    kinds = {isinstance(label, str) for label in labels}
    if len(kinds) > 1:
        raise InputError(f"some labels of {split} are numbers and some are names; give either")
    return [str(label) for label in labels] if kinds == {True} else np.array(labels, dtype=np.int64)
