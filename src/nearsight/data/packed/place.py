"""A whole set packed: a copy of its directory, or of its Parquet file, that is read as the set itself is."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nearsight.data.packed.files import Outcome, can_gain, copy_file, pack_file, packed_or_same
from nearsight.data.packed.jpeg import EXTRA, packs
from nearsight.data.packed.tables import first_image, pack_table
from nearsight.data.parquet_schema import read_header
from nearsight.data.saved import is_saved
from nearsight.data.tree import ARCHIVES, read_tree
from nearsight.data.workers import begin_worker
from nearsight.errors import InputError
from nearsight.lock import LOCK, contents, writing
from nearsight.numbers import counted
from nearsight.progress import Progress, Stopwatch, duration
from nearsight.read import open_regular
from nearsight.stopping import continuing

_TABLE = ".parquet"
_COUNTED = "packing images"
_GIB = 2**30
# What a copy may take more than the set.
_GROWTH = 1.2
# Files among which one is looked for to learn how long packing takes.
_LOOKED_AT = 100
# A `map`: a function, and what it is called with.
Each = Callable[..., Iterator[Any]]


@dataclass(frozen=True)
class PackedSet:
    """What `nearsight.pack` made: where it is, `data`, which every other verb takes, and what became of the images.

    `packed` of them are packed, and took `bytes_before` and now `bytes_after`; `copied` is how many are as they were,
    by the reason.
    """

    data: Path
    packed: int
    bytes_before: int
    bytes_after: int
    copied: dict[str, int]

    def __str__(self) -> str:
        growth = self.bytes_after / self.bytes_before - 1 if self.bytes_before else 0
        told = [
            f"{self.data}: {counted(self.packed, 'image')} packed, {abs(growth):.1%} "
            f"{'larger' if growth > 0 else 'smaller'}"
        ]
        told += [f"{count:,} copied as they are ({reason})" for reason, count in sorted(self.copied.items())]
        return "; ".join(told)


def pack_place(source: Path, out: Path, workers: int, progress: Progress) -> PackedSet:
    """Pack the images of a directory, at any depth, or of a Parquet file, into the directory `out`.

    All else that lies in it is copied, but for archives and hidden files. The copy is written beside `out` and gets
    its name when it is whole; what an interrupted call left there is used. Raises `InputError` for a place that is no
    such set, without the library, and where `out` is not empty or there is no room.
    """
    files = _files(source)
    _check(source, out)
    unfinished = out.with_name(f"{out.name}.unfinished")
    # The lock is hidden.
    with writing(unfinished, progress), continuing(unfinished, "[!.]*"):
        _foresee(files, out, workers, progress)
        outcome, done = Outcome(), 0
        with _processes(workers) as each:
            for told, count in _packed(files, unfinished, each):
                outcome, done = outcome + told, done + count
                progress.count(_COUNTED, done, files.count)
        for file in files.others:
            copy_file(files.root / file, unfinished / file)
        if not (outcome.packed or files.tables):
            shutil.rmtree(unfinished)
            raise InputError(f"{source} holds no image that can be packed; use the set as it is")
        _remove_others(files, unfinished)
    if out.is_dir():
        # There may be a lock in it that nobody holds.
        shutil.rmtree(out)
    unfinished.rename(out)
    data = out if source.is_dir() else out / source.name
    return PackedSet(data, outcome.packed, outcome.before, outcome.after, dict(outcome.copied))


@dataclass(frozen=True)
class _Files:
    """The files below `root` by their paths there: images, tables with the rows that each has, and others."""

    root: Path
    images: tuple[Path, ...]
    tables: dict[Path, int]
    others: tuple[Path, ...]

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.images) + sum(self.tables.values())

    @property
    def size(self) -> int:
        """What all files take, in bytes."""
        return sum((self.root / file).stat().st_size for file in (*self.images, *self.tables, *self.others))


def _files(source: Path) -> _Files:
    if source.is_file():
        if source.suffix.casefold() != _TABLE:
            raise InputError(f"{source} is no Parquet file; give the directory that holds it and its images")
        return _Files(source.parent, (), {Path(source.name): read_header(source).num_rows}, ())
    if is_saved(source):
        raise InputError(f"{source} holds Arrow files; write the set as Parquet, and pack that")
    images, tables, others = [], {}, []
    for folder in read_tree(source).walk():
        place = folder.path.relative_to(source)
        images += [place / name for name in folder.images]
        for file in (place / name for name in folder.others):
            if file.suffix.casefold() == _TABLE:
                tables[file] = read_header(source / file).num_rows
            elif file.suffix.casefold() not in ARCHIVES:
                others.append(file)
    if not (images or tables):
        raise InputError(f"{source} holds no images; give an image folder or Parquet")
    return _Files(source, tuple(images), tables, tuple(others))


def _check(source: Path, out: Path) -> None:
    if not packs():
        raise InputError(f"packing takes jpeglib, which is not installed; {EXTRA}")
    if out.is_file() or contents(out):
        raise InputError(f"{out} is {'a file' if out.is_file() else 'not empty'}; choose another `out`")
    one, other = source.resolve(), out.resolve()
    if other.is_relative_to(one) or one.is_relative_to(other):
        raise InputError(f"one of {source} and {out} lies in the other; choose another `out`")


def _foresee(files: _Files, out: Path, workers: int, progress: Progress) -> None:
    """Tell how long packing takes, by packing an image to find out; raises `InputError` without room for the copy."""
    place = next(each for each in out.absolute().parents if each.is_dir())
    size, free = files.size, shutil.disk_usage(place).free
    if free < _GROWTH * size:
        raise InputError(
            f"the copy takes about {size / _GIB:,.1f} GiB, and {free / _GIB:,.1f} GiB are free at {place}; choose "
            "another `out` or free some space"
        )
    sample = _sample(files)
    if sample is None:
        return
    # What is imported for the first is not met again.
    for _ in range(2):
        watch = Stopwatch()
        packed_or_same(sample)
        taken = watch.seconds()
    seconds = taken / len(sample) * size / max(1, workers)
    progress.say(
        f"packing {counted(files.count, 'image')}, {size / _GIB:,.2f} GiB, takes about {duration(seconds)}"
    )


def _sample(files: _Files) -> bytes | None:
    """Return an image of the set that may be packed; None if none is found soon."""
    for file in files.images[:_LOOKED_AT]:
        with open_regular(files.root / file) as stream:
            if can_gain(stream.read(6)):
                stream.seek(0)
                return stream.read()
    for table in files.tables:
        if (found := first_image(files.root / table)) is not None:
            return found
    return None


def _packed(files: _Files, target: Path, each: Each) -> Iterator[tuple[Outcome, int]]:
    """Write the images and tables packed, and yield what became of some images, and of how many."""
    sources = [files.root / file for file in files.images]
    for outcome in each(pack_file, sources, [target / file for file in files.images]):
        yield outcome, 1
    for file, rows in files.tables.items():
        told = 0
        for outcome, count in pack_table(files.root / file, target / file, partial(each, packed_or_same)):
            told += count
            yield outcome, count
        yield Outcome(), rows - told


def _remove_others(files: _Files, target: Path) -> None:
    """Remove what an interrupted call wrote of files that the set no longer has, and directories that hold none."""
    known = {*files.images, *files.tables, *files.others}
    # What lies in a directory comes before it.
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir():
            with suppress(OSError):
                path.rmdir()
        elif path.name != LOCK and path.relative_to(target) not in known:
            path.unlink()


@contextmanager
def _processes(workers: int) -> Iterator[Each]:
    """Yield a `map` that is carried out by so many processes, or by this one."""
    if workers < 2:
        yield map
        return
    pool = ProcessPoolExecutor(workers, initializer=begin_worker(workers), initargs=(0,))
    try:
        yield partial(pool.map, chunksize=1)
    finally:
        pool.shutdown(cancel_futures=True)
