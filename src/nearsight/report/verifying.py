"""Checking every file of a directory that Nearsight wrote, without using any of them."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

from nearsight.diagnosis.pictures import PICTURES
from nearsight.diagnosis.result import DIAGNOSIS, MAPS, ROWS
from nearsight.digest import (
    BESIDE,
    check_table,
    check_tensors,
    digest_of,
    digest_of_lines,
    seal_of,
    unsealed_json,
    unsealed_toml,
)
from nearsight.errors import InputError, first_line
from nearsight.lock import whoever_writes
from nearsight.models.saved_classifiers import DESCRIPTION, WEIGHTS
from nearsight.notebook import Shown, Summary
from nearsight.numbers import agreeing, counted
from nearsight.progress import SAID_SECONDS, SILENT, Progress, Stopwatch, duration
from nearsight.read import (
    LARGEST_TEXT,
    is_file,
    open_file,
    read_bytes,
    read_json,
    read_sealed_json,
    read_table,
    read_tensors,
    read_toml,
)
from nearsight.repair.result import REPAIR
from nearsight.report.saved_heatmaps import HEATMAPS
from nearsight.report.saved_heatmaps import PICTURES as HEATMAP_PICTURES
from nearsight.report.saved_heatmaps import TILES as HEATMAP_TILES
from nearsight.rows import to_values
from nearsight.runs import RECIPE, RESULT
from nearsight.runs.run import DIGESTS
from nearsight.training.checkpoint import read_checkpoint
from nearsight.training.metrics_log import METRICS, check_rows
from nearsight.unfinished import is_left_over, is_unfinished

State = Literal["whole", "damaged", "missing", "no digest"]
# The time is told when this much has been checked, if all takes long. A byte of text takes so many times as long as
# one of tensors or tables: 33 and 0.5 ns were measured.
TIMED_BYTES, OF_TEXT = 256 * 2**20, 60
# Of unfinished files, so many are named in a sentence.
_NAMED = 3
_WAY_OUT = "put back a copy of it, or make it again"
# The files that hold the digests of those beside them.
_LISTING = (RESULT, DIAGNOSIS, REPAIR, HEATMAPS)
# What a directory must contain if it contains the first of these.
_TOGETHER = ((RESULT, (WEIGHTS, DESCRIPTION)), (ROWS, (DIAGNOSIS, MAPS, PICTURES)), (REPAIR, (PICTURES,)))


@dataclass(frozen=True)
class Checked:
    """One file, by its place below the directory, and its state; `why` if it is damaged."""

    file: str
    state: State
    why: str = ""


@dataclass(frozen=True, repr=False)
class Verified(Shown):
    """The files of a directory that are read back, each with its state; `others` is how many other files there are.

    `writer` is the process that is writing there now, None if there is none; `unfinished` are files that killed
    processes were writing, by their places.
    """

    directory: Path
    files: tuple[Checked, ...]
    others: int
    writer: str | None
    unfinished: tuple[str, ...] = ()

    @property
    def damaged(self) -> tuple[Checked, ...]:
        """The files that are damaged or missing."""
        return tuple(one for one in self.files if one.state in ("damaged", "missing"))

    def sentences(self) -> tuple[str, ...]:
        """Say how the files are, the conclusion first."""
        count = {state: sum(one.state == state for one in self.files) for state in ("whole", "no digest")}
        told = [f"{count['whole']:,} of {counted(len(self.files), 'file')} that are read back are whole"]
        if self.damaged:
            told.append(f"{len(self.damaged):,} are damaged or missing")
        if count["no digest"]:
            told.append(
                f"{count['no digest']:,} can be read and have no digest, as older versions wrote none"
            )
        lines = ["; ".join(told)]
        if self.others:
            lines.append(
                f"{counted(self.others, 'other file')}, such as pages and figures, are never read back"
            )
        if self.unfinished:
            left, more = len(self.unfinished), " …" if len(self.unfinished) > _NAMED else ""
            lines.append(
                f"{counted(left, 'file')} that a killed process was writing {agreeing(left, 'is', 'are')} left: "
                f"{', '.join(self.unfinished[:_NAMED])}{more}; the next command that writes there removes "
                f"{agreeing(left, 'it', 'them')}"
            )
        if self.writer is not None:
            lines.append(f"{self.writer} is writing into it now")
        return tuple(lines)

    def _summary(self) -> Summary:
        rows = [(one.file, one.state, one.why) for one in self.files if one.state != "whole"]
        return Summary(f"Verified({self.directory})", ("file", "state", "why"), rows, self.sentences())

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "directory": str(self.directory),
            "files": to_values(self.files),
            "others": self.others,
            "writer": self.writer,
            "unfinished": list(self.unfinished),
        }


def verify_files(directory: Path, progress: Progress = SILENT) -> Verified:
    """Check every file that is read back below a directory; nothing is changed, and links are not followed.

    `progress` is told how many files are checked, and how long it takes if that is more than ten seconds. Raises
    `InputError` if there is no such directory, and if it holds no file of ours.
    """
    if not directory.is_dir():
        what = "is a file, not a directory" if directory.exists() else "does not exist"
        raise InputError(f"{directory} {what}; give a directory that a command of Nearsight wrote")
    checked: list[Checked] = []
    places, others = _places(directory)
    foreseen = _Foreseen(sum(len(place.files) for place in places), progress)
    for place in places:
        for path in place.files:
            checked += _state(path, directory, place.listed)
            foreseen.checked(path, places)
        checked += [Checked(_name(path, directory), "missing") for path in _missing(place.path, place.listed)]
    checked = _held_against_lists(checked, places, directory)
    if not checked:
        raise InputError(
            f"{directory} holds no file that Nearsight reads back; give a directory that it wrote"
        )
    unfinished = tuple(_name(path, directory) for place in places for path in place.unfinished)
    return Verified(directory, tuple(checked), others, whoever_writes(directory), unfinished)


@dataclass(frozen=True)
class _Place:
    """A directory: its files that are read back, those that heatmaps list with digests, and unfinished ones."""

    path: Path
    files: tuple[Path, ...]
    listed: Mapping[Path, str]
    unfinished: tuple[Path, ...]


def _places(directory: Path) -> tuple[list[_Place], int]:
    """Return all places below a directory, and how many files are never read back."""
    found, others = [], 0
    for place, inner, names in os.walk(directory):
        here = Path(place)
        left = tuple(here / name for name in sorted([*names, *inner]) if is_left_over(here / name))
        names = [name for name in names if here / name not in left]
        inner[:] = sorted(name for name in inner if not is_unfinished(name))
        listed = _listed(here)
        # What begins with a dot is a lock, or a file that is being written, or was when its writer was killed.
        ours = tuple(
            here / name
            for name in sorted(names)
            if not name.startswith(".")
            and (Path(name).suffix in _KINDS or name == METRICS or here / name in listed)
        )
        found.append(_Place(here, ours, listed, left))
        others += len(names) - len(ours)
    return found, others


@dataclass
class _Foreseen:
    """How many of the files are checked, and the time that all take, once some megabytes have been timed."""

    files: int
    progress: Progress
    done: int = 0
    work: int = 0
    said: bool = False
    watch: Stopwatch = field(default_factory=Stopwatch)

    def checked(self, path: Path, places: Sequence[_Place]) -> None:
        """Count a file."""
        self.done += 1
        self.work += _work(path)
        if not self.said and self.work > TIMED_BYTES:
            self.said = True
            files = [file for place in places for file in place.files]
            seconds = self.watch.seconds() / self.work * sum(map(_work, files))
            if seconds > SAID_SECONDS:
                what = f"{counted(self.files, 'file')}, {sum(map(_size, files)) / 2**30:,.2f} GiB"
                self.progress.say(f"checking {what}, takes about {duration(seconds)}")
        self.progress.count("checking files", self.done, self.files)


def _work(path: Path) -> int:
    """Return the bytes of tensors that take as long to check as a file."""
    return _size(path) * (OF_TEXT if path.suffix in _TEXT else 1)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _name(path: Path, directory: Path) -> str:
    # Names of files may contain what UTF-8 may not.
    return str(path.relative_to(directory)).encode("utf-8", "backslashreplace").decode("utf-8")


def _state(path: Path, directory: Path, listed: Mapping[Path, str]) -> Iterator[Checked]:
    """Yield the state of a file; nothing if the process that writes there has moved it meanwhile."""
    name = _name(path, directory)
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            yield Checked(name, "damaged", "it is no regular file")
            return
        if path in listed:
            digest = listed[path]
            sealed = bool(digest)
            if sealed and digest_of(read_bytes(path, _WAY_OUT)) != digest:
                raise InputError(f"{path} is damaged: its content is not what its digest says")
        elif path.name == METRICS:
            sealed = _check_metrics(path)
        else:
            with open_file(path, _WAY_OUT) as file:
                sealed = _KINDS[path.suffix](file, path)
    except (InputError, OSError) as error:
        if not path.exists():
            return
        why = first_line(error).removeprefix(f"{path} ").removeprefix("is damaged: ")
        yield Checked(name, "damaged", why.removesuffix(f"; {_WAY_OUT}"))
        return
    yield Checked(name, "whole" if sealed else "no digest")


def _held_against_lists(
    checked: Sequence[Checked], places: Sequence[_Place], directory: Path
) -> list[Checked]:
    """Return the states of files with those that are whole, but of another result than the file that lists them."""
    found = {one.file: one for one in checked}
    for path in (path for place in places for path in place.files if path.name in _LISTING):
        listed = _values(path).get(BESIDE) if found[_name(path, directory)].state == "whole" else None
        for name, seal in listed.items() if isinstance(listed, dict) else ():
            beside = path.parent / Path(name).name
            one = found.get(_name(beside, directory))
            if one is None or one.state != "whole":
                continue
            with open_file(beside, _WAY_OUT) as file:
                there = seal_of(file, beside.suffix)
            if there != seal:
                found[one.file] = replace(
                    one, state="damaged", why=f"it is of another result than {path.name}"
                )
    return [*found.values()]


def _check_json(file: BinaryIO, path: Path) -> bool:
    content = file.read(LARGEST_TEXT)
    read_json(path, _WAY_OUT)
    return unsealed_json(content, path) != content


def _check_toml(file: BinaryIO, path: Path) -> bool:
    content = file.read(LARGEST_TEXT)
    read_toml(path, _WAY_OUT)
    return unsealed_toml(content, path) != content


def _check_tensors(file: BinaryIO, path: Path) -> bool:
    sealed = check_tensors(file, path, _WAY_OUT)
    if not sealed:
        read_tensors(path, _WAY_OUT)
    return sealed


def _check_table(file: BinaryIO, path: Path) -> bool:
    sealed = check_table(file, path, _WAY_OUT)
    if not sealed:
        read_table(path, _WAY_OUT)
    return sealed


_TEXT = (".json", ".toml")
_KINDS: Mapping[str, Callable[[BinaryIO, Path], bool]] = MappingProxyType(
    {".json": _check_json, ".toml": _check_toml, ".safetensors": _check_tensors, ".parquet": _check_table}
)


def _check_metrics(path: Path) -> bool:
    """Whether a digest of a run's rows is known, in its result or its checkpoint, which was checked."""
    digests = _values(path.with_name(RESULT)).get(DIGESTS)
    digest = digests.get(METRICS) if isinstance(digests, dict) else None
    if digest is not None:
        if digest_of_lines(read_bytes(path, _WAY_OUT)) != digest:
            raise InputError(f"{path} is damaged: its content is not what {RESULT} says")
        return True
    try:
        checkpoint = read_checkpoint(path.parent)
    except InputError:
        return False
    if checkpoint is None or not checkpoint.milestone.metrics:
        return False
    check_rows(path.parent, checkpoint.milestone.step, checkpoint.milestone.metrics)
    return True


def _listed(directory: Path) -> dict[Path, str]:
    """Return the pictures that heatmaps in a directory's parent list, by their place, with their digests."""
    if directory.name not in (HEATMAP_PICTURES, HEATMAP_TILES):
        return {}
    rows = _values(directory.parent / HEATMAPS).get("images")
    named = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    key = "digest" if directory.name == HEATMAP_PICTURES else "tiles_digest"
    names = {
        row["files"]: str(row.get(key, ""))
        for row in named
        if isinstance(row.get("files"), str) and (key == "digest" or row.get("tiles") is not None)
    }
    return {directory / f"{name}.png": digest for name, digest in names.items() if Path(name).name == name}


def _missing(directory: Path, listed: Mapping[Path, str]) -> Iterator[Path]:
    yield from (path for path in listed if not is_file(path))
    for name, others in _TOGETHER:
        # What `evaluate` leaves elsewhere is a result without its run.
        if (directory / name).is_file() and (name != RESULT or (directory / RECIPE).is_file()):
            yield from (directory / other for other in others if not (directory / other).exists())


def _values(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; nothing if it is damaged, which is reported for the file itself."""
    if not is_file(path):
        return {}
    try:
        values = read_sealed_json(path, _WAY_OUT)
    except InputError:
        return {}
    return values if isinstance(values, dict) else {}
