"""The images of a run, listed with it: which were trained on and which were held out, whatever their set becomes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from nearsight.data.groups import group_names
from nearsight.data.image_set import ImageSets
from nearsight.data.joined_images import chosen_of
from nearsight.errors import InputError, listed
from nearsight.numbers import counted
from nearsight.read import check_of_run, checked_columns, is_file, read_table, said_of, unreadable
from nearsight.rows import from_values
from nearsight.schema import numbered, read_schema
from nearsight.settings import Reading
from nearsight.write import write_table

if TYPE_CHECKING:
    import pyarrow as pa

LISTING = "split.parquet"
_METADATA = "nearsight"
TRAINED_ON = ("train", "val")


@dataclass(frozen=True, eq=False)
class Listing:
    """Every image of the splits of a set: its split, path, label, content and group, text of shape (n,).

    >>> from nearsight.data import load
    >>> listing = Listing.of(load("digits", validation=0))
    >>> listing.count("test"), str(listing.path[0]), str(listing.label[0])
    (365, 'digits/2', '2')

    `name` is what the set was called and `reading` how it was read. `path` and `digest` are those of `Identity`.
    `follows_seed` says whether the run's seed determined `val`, and `notes` how the splits came about.
    """

    name: str
    reading: Reading
    split: NDArray[np.str_]
    path: NDArray[np.str_]
    label: NDArray[np.str_]
    digest: NDArray[np.str_]
    group: NDArray[np.str_]
    follows_seed: bool = False
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(sets: ImageSets) -> "Listing":
        """List the images of a set with its current splits."""
        parts = [*sets.items()]
        groups = [group_names(images, sets.reading) for _, images in parts]
        return Listing(
            sets.name,
            sets.reading,
            np.repeat([split for split, _ in parts], [len(images) for _, images in parts]),
            _joined(images.identity.paths for _, images in parts),
            _joined(np.array(images.classes)[images.labels] for _, images in parts),
            _joined(images.identity.digests for _, images in parts),
            _joined(
                np.zeros(len(images), dtype="U1") if names is None else names
                for (_, images), names in zip(parts, groups, strict=True)
            ),
            sets.splits_follow_seed,
            sets.notes,
        )

    def __len__(self) -> int:
        return len(self.split)

    def count(self, split: str) -> int:
        """Return how many images a split holds."""
        return int((self.split == split).sum())

    @property
    def fingerprint(self) -> str:
        """What recognises the set: a digest of the splits, names and contents of all its images, in order."""
        found = blake2b(digest_size=8)
        for column in (self.split, self.path, self.label, self.digest):
            found.update("\n".join(column.tolist()).encode("utf-8", "surrogatepass"))
        return found.hexdigest()

    def before_validation(self) -> "Listing":
        """Return the listing with `val` back in train, if a seed split it off from there."""
        if not self.follows_seed:
            return self
        return replace(self, split=np.where(self.split == "val", "train", self.split), follows_seed=False)

    def trained_with(self, other: "Listing") -> bool:
        """Whether another listing has the same images to train on, with the same labels, in the same order."""
        mine, theirs = (
            [part[one.split == split].tolist() for split in TRAINED_ON for part in (one.digest, one.label)]
            for one in (self, other)
        )
        return mine == theirs

    def same_training_images(self, other: "Listing") -> bool:
        """Whether another listing has the same images and labels to train on, whichever are held out to validate.

        If there are folds, each image is trained on by some run.
        """

        def contents(one: Listing) -> list[tuple[str, str]]:
            trained = np.isin(one.split, TRAINED_ON)
            used = trained if trained.any() else ~trained
            return sorted(zip(one.digest[used].tolist(), one.label[used].tolist(), strict=True))

        return contents(self) == contents(other)

    def share_found(self, sets: ImageSets) -> float:
        """Return the share of the listed images whose content a set holds."""
        held = [images.identity.digests for images in sets.values()]
        return float(np.isin(self.digest, np.concatenate(held)).mean()) if held and len(self) else 0.0

    def trained_on(self) -> frozenset[str]:
        """Return the digests of the images that were trained on, or by which training was watched."""
        return frozenset(self.digest[np.isin(self.split, TRAINED_ON)].tolist()) - {""}

    def save(self, directory: Path) -> None:
        """Write the listing to split.parquet in a directory."""
        import pyarrow as pa

        said = numbered(
            "split",
            {
                "data": self.name,
                "fingerprint": self.fingerprint,
                "reading": asdict(self.reading),
                "follows_seed": self.follows_seed,
                "notes": list(self.notes),
            },
        )
        columns = {name: pa.array(getattr(self, name).tolist()) for name in _COLUMNS}
        table = pa.table(columns).replace_schema_metadata({_METADATA: json.dumps(said)})
        write_table(Path(directory) / LISTING, table)

    @staticmethod
    def load(directory: Path) -> "Listing | None":
        """Read what `save` wrote; None if a directory has no listing, as for runs of the first versions.

        Raises `InputError` for a file that is damaged or of a newer version.
        """
        path = Path(directory) / LISTING
        if not is_file(path):
            return None
        check_of_run(path)
        from pyarrow import types

        table = read_table(path, _WAY_OUT)
        said = said_of(table, _METADATA, path, _WAY_OUT)
        schema = read_schema("split", said, path)
        checked_columns(table, dict.fromkeys(_COLUMNS, types.is_string), path, _WAY_OUT)
        try:
            told = from_values(_Said, said, path, schema=schema)
        except InputError as error:
            raise InputError(f"{error}; {_WAY_OUT}") from error
        columns = {name: _text(table, name, path) for name in _COLUMNS}
        return Listing(
            told["data"], told["reading"], **columns, follows_seed=told["follows_seed"], notes=told["notes"]
        )


class _Said(TypedDict):
    """What the table says in addition to its rows."""

    data: str
    reading: Reading
    follows_seed: bool
    notes: tuple[str, ...]


_COLUMNS = ("split", "path", "label", "digest", "group")
_WAY_OUT = (
    "without it the images that the run was tested on are not known: put it back, or train the run again"
)


@dataclass(frozen=True)
class Found:
    """A set sorted by a run's listing: its splits, and how it differs from what the run was trained on.

    For images, by their paths: `moved` have the same content at another place, `changed` have other content at
    the same place; `relabelled` have another class, and `missing` are listed and not found, both with the split
    that they were in; `new` are found and not listed, `copies` are further copies of what is listed and found,
    and `counted` says whether a split has all of them nevertheless.
    """

    sets: ImageSets
    moved: tuple[str, ...]
    changed: tuple[str, ...]
    relabelled: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...]
    new: tuple[str, ...]
    copies: tuple[str, ...]
    counted: bool

    def told(self, split: str) -> tuple[str, ...]:
        """Say how the set differs from what the run was trained on, as far as it matters for one of its splits."""
        lost = [path for of, path in self.missing if of == split]
        now = len(self.sets[split]) if split in self.sets else 0
        lines = []
        if lost:
            are = "is" if len(lost) == 1 else "are"
            lines.append(f"{len(lost)} of {now + len(lost)} {split} images {are} missing ({_some(lost)})")
        if other := len(self.missing) - len(lost):
            lines.append(f"{_images(other)} of other splits {'is' if other == 1 else 'are'} missing")
        if self.moved:
            lines.append(
                f"{_images(len(self.moved))} at another path, known by content ({_some(self.moved)})"
            )
        if self.changed:
            lines.append(
                f"{_images(len(self.changed))} with other content, known by path ({_some(self.changed)})"
            )
        if renamed := [path for of, path in self.relabelled if of == split]:
            lines.append(
                f"{len(renamed)} of {now} {split} images of another class than then ({_some(renamed)})"
            )
        if other := len(self.relabelled) - len(renamed):
            lines.append(f"{_images(other)} of other splits of another class than then")
        if self.copies:
            are = "is a further copy" if len(self.copies) == 1 else "are further copies"
            lines.append(f"{_images(len(self.copies))} {are} of others ({_some(self.copies)}), left out")
        if self.new:
            what = "counted" if self.counted else "left out; `new_images=True` counts them"
            lines.append(f"{len(self.new)} new ({_some(self.new)}), {what}")
        return (f"the set has changed since the run was trained: {'; '.join(lines)}",) if lines else ()


def _images(count: int) -> str:
    return counted(count, "image")


def _some(names: Sequence[str]) -> str:
    return listed(names, 3)


def sort_by_listing(listing: Listing, sets: ImageSets, *, new_images: str | None = None) -> Found:
    """Give each image of a set the split that it had when a run was trained: by its content, or else by its path.

    `sets` is the set as it is now. An image whose content is listed belongs to the split that it was in, wherever
    it is now; one with other content at a listed path belongs to that path's split. What is not listed is left
    out, or, with `new_images`, the name of a split, is added to that split. A split has the order of the listing,
    and new images come last. Raises `InputError` if nothing of the set is listed, and for classes that the
    listing does not have.
    """
    parts = [*sets.values()]
    paths = _joined(images.identity.paths for images in parts)
    digests = _joined(images.identity.digests for images in parts)
    owner, moved, changed = _owners(listing, paths, digests)
    known = owner >= 0
    if not known.any():
        raise InputError(
            f"none of the {counted(len(owner), 'image')} of {sets.name} is one that the run was trained or "
            "tested on; its own "
            f"set was {listing.name}: give that as it was"
        )
    split_of = np.where(known, listing.split[owner], np.where(owner == -1, new_images or "", ""))
    order = np.argsort(np.where(known, owner, len(listing)), kind="stable")
    splits = {}
    for split in [*dict.fromkeys(listing.split.tolist()), *([new_images] if new_images else [])]:
        chosen = order[split_of[order] == split]
        if len(chosen):
            splits[split] = replace(chosen_of(parts, chosen), split=split)
    missing = np.setdiff1d(np.arange(len(listing)), owner)
    names = np.where(listing.path == "", listing.digest, listing.path)
    keys = np.where(paths == "", digests, paths)
    labels = _joined(np.array(images.classes)[images.labels] for images in parts)
    relabelled = np.flatnonzero(known & (labels != listing.label[owner]))
    # How the splits came about was concluded then; what is skipped is found again each time.
    notes = listing.notes + tuple(
        note for note in sets.notes if note.startswith("skipped: ") and note not in listing.notes
    )
    return Found(
        replace(sets, splits=splits, notes=notes, splits_follow_seed=listing.follows_seed),
        tuple(paths[moved].tolist()),
        tuple(paths[changed].tolist()),
        tuple(zip(listing.split[owner[relabelled]].tolist(), keys[relabelled].tolist(), strict=True)),
        tuple(zip(listing.split[missing].tolist(), names[missing].tolist(), strict=True)),
        tuple(keys[owner == -1].tolist()),
        tuple(keys[owner == _COPY].tolist()),
        new_images is not None,
    )


_COPY = -2


def _owners(
    listing: Listing, paths: NDArray[np.str_], digests: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the listed row of each image, -1 for none, -2 for a further copy, and which moved and which changed."""
    by_digest, by_path = _places(listing.digest), _places(listing.path)
    owner = np.full(len(paths), -1, dtype=np.int64)
    changed, elsewhere = [], []
    for i, (path, digest) in enumerate(zip(paths.tolist(), digests.tolist(), strict=True)):
        same, there = by_digest.get(digest, []), by_path.get(path, [])
        kept = [row for row in same if row in there]
        if kept:
            owner[i] = kept[0]
        elif same:
            elsewhere.append(i)
        elif there:
            owner[i] = there[0]
            changed.append(i)
    taken = set(owner.tolist())
    for i in elsewhere:
        same = by_digest[digests[i]]
        # Among equal files, one that was trained on counts: what was seen in training is not a test.
        seen = [row for row in same if listing.split[row] in TRAINED_ON] or same
        # Without paths nothing distinguishes equal images, and each is one of those listed.
        free = [row for row in (seen if paths[i] else [*seen, *same]) if row not in taken]
        owner[i] = free[0] if free else _COPY
        taken.add(int(owner[i]))
    moved = [i for i in elsewhere if owner[i] >= 0 and paths[i]]
    return owner, np.array(moved, dtype=np.int64), np.array(changed, dtype=np.int64)


def _places(names: NDArray[np.str_]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names.tolist()):
        if name:
            found[name].append(row)
    return found


def _joined(parts: Iterable[NDArray[np.str_]]) -> NDArray[np.str_]:
    found = [*parts]
    return np.concatenate(found) if found else np.zeros(0, dtype="U1")


def _text(table: "pa.Table", name: str, path: Path) -> NDArray[np.str_]:
    column = table[name]
    if column.null_count:
        raise unreadable(path, f"its column {name!r} has rows that say nothing", _WAY_OUT)
    return np.array(column.to_pylist(), dtype=np.str_)
