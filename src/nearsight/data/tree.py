"""A directory tree on disk: its images, and what is skipped and why."""

import os
import stat
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nearsight.arguments import is_text, not_utf_8
from nearsight.errors import InputError
from nearsight.numbers import counted
from nearsight.read import open_regular, special

IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".bmp",
        ".dib",
        ".gif",
        ".webp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".tga",
        ".jp2",
        ".j2k",
        ".jpx",
        ".avif",
        ".heic",
        ".heif",
        ".pcx",
        ".sgi",
    ]
)
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_SERVICE_FILES = frozenset(["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "folder.htt"])
_SERVICE_DIRECTORIES = frozenset(
    (
        "@eadir",
        "__macosx",
        "__pycache__",
        "#recycle",
        "@recycle",
        "$recycle.bin",
        "lost+found",
        "system volume information",
    )
)
# Of the formats that people store without a suffix or with another program's.
_SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
)
# A directory to which links lead repeatedly is entered this often; otherwise, links in each of many directories
# to the next would make an endless walk.
_MOST_WAYS = 16
_DEEPEST = 100


@dataclass(frozen=True)
class Left:
    """Something that is skipped: what kind of thing, and where it is."""

    kind: str
    path: Path


@dataclass(frozen=True)
class Folder:
    """One directory: the names of its images and other visible files, its directories, and what it skips."""

    path: Path
    images: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folders: tuple["Folder", ...] = ()
    left: tuple[Left, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The directory's own name."""
        return self.path.name

    def within(self, root: "Folder") -> str:
        """Return its path as seen from `root`."""
        return path_within(self.path, root.path)

    @cached_property
    def count(self) -> int:
        """How many images are in it, at any depth."""
        return len(self.images) + sum(folder.count for folder in self.folders)

    @cached_property
    def filled(self) -> tuple["Folder", ...]:
        """Its directories that hold images at any depth."""
        return tuple(folder for folder in self.folders if folder.count)

    @property
    def is_bare(self) -> bool:
        """Whether there is no file in it at any depth, except for what is skipped."""
        return not self.images and not self.others and all(folder.is_bare for folder in self.folders)

    def walk(self) -> Iterator["Folder"]:
        """Go through the directory and all below it."""
        yield self
        for folder in self.folders:
            yield from folder.walk()

    def files(self) -> list[str]:
        """List the paths of its images at any depth, sorted."""
        return sorted(str(folder.path / name) for folder in self.walk() for name in folder.images)


def read_tree(path: Path) -> Folder:
    """List a directory and everything below it, following links; a directory is not entered again from within itself.

    Images are known by their suffix, or by their first bytes if the suffix is not that of an image. Hidden and
    service files, dangling and circular links, pipes and sockets are skipped without being opened; so are
    directories more than 100 levels deep, and what has gone when its turn comes. Raises `InputError` for a
    directory that cannot be listed, and for names that are not text.
    """
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is {special(status.st_mode) or 'a file'}, and no directory")
    # A link to a directory that contains this one, such as to the root, leads back here by way of a whole disk.
    around = frozenset(map(_mark, path.resolve().parents))
    return _read(path, 1, around | {_mark(path)}, Counter([_mark(path)]))


def _mark(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _several(kind: str) -> str:
    """Return the name of several things of a kind that is skipped.

    >>> [_several(kind) for kind in ("service directory", "service file", "broken link", "hidden", ".xml")]
    ['service directories', 'service files', 'broken links', 'hidden', '.xml']
    """
    if kind.endswith("directory"):
        return f"{kind.removesuffix('y')}ies"
    return f"{kind}s" if kind.endswith(("link", "file")) else kind


def told_left(root: Folder, folders: Sequence[Folder], used: Container[str] = ()) -> list[str]:
    """Say in one note what directories skip, by kind, with the first of each kind of link.

    >>> told_left(Folder(Path("a")), [Folder(Path("a"), left=(Left("hidden", Path("a/.x")),), others=("b.xml",))])
    ['not images, and skipped: 1 .xml, 1 hidden']

    Files whose names are in `used` are not skipped.
    """
    kinds: Counter[str] = Counter()
    firsts: dict[str, Path] = {}
    for folder in folders:
        for name in folder.others:
            if name in used:
                continue
            kinds[Path(name).suffix.casefold() or "without suffix"] += 1
        for left in folder.left:
            kinds[left.kind] += 1
            firsts.setdefault(left.kind, left.path)
    if not kinds:
        return []
    told = []
    for kind, count in sorted(kinds.items()):
        where = f" ({path_within(firsts[kind], root.path)})" if "link" in kind or "deep" in kind else ""
        told.append(f"{count:,} {_several(kind) if count > 1 else kind}{where}")
    return [f"not images, and skipped: {', '.join(told)}"]


def path_within(file: Path, root: Path) -> str:
    """Return a file's path relative to a directory, or unchanged if it is elsewhere.

    >>> path_within(Path("set/labels/1.txt"), Path("set"))
    'labels/1.txt'
    """
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _listed(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        # It has gone since its own directory was listed.
        return []
    except OSError as fault:
        raise InputError(
            f"cannot list the directory {path}: {(fault.strerror or str(fault)).lower()}; change its permissions, or "
            "move it out of the set"
        ) from None
    strange = [entry.name for entry in found if not is_text(entry.name)]
    if strange:
        raise InputError(
            f"the names of {counted(len(strange), 'file')} in {path} are not {not_utf_8(strange[0])}"
        )
    return found


def _read(
    path: Path, depth: int, above: frozenset[tuple[int, int]], entered: Counter[tuple[int, int]]
) -> Folder:
    """Read a directory at a depth, not entering those `above` it again, nor any too often."""
    images: list[str] = []
    others: list[str] = []
    folders: list[Folder] = []
    left: list[Left] = []
    for entry in _listed(path):
        place = path / entry.name
        if entry.name.startswith("."):
            left.append(Left("hidden", place))
            continue
        try:
            is_directory, is_file = entry.is_dir(), entry.is_file()
            if is_directory:
                mark = _mark(place)
        except OSError:
            # A link that leads to itself via others.
            left.append(Left("circular link", place))
            continue
        if is_directory:
            if entry.name.casefold() in _SERVICE_DIRECTORIES:
                left.append(Left("service directory", place))
            elif mark in above:
                left.append(Left("circular link", place))
            elif entered[mark] >= _MOST_WAYS:
                left.append(Left("repeated link", place))
            elif depth > _DEEPEST:
                left.append(Left(f"directory more than {_DEEPEST} deep", place))
            else:
                entered[mark] += 1
                folders.append(_read(place, depth + 1, above | {mark}, entered))
        elif is_file:
            if entry.name.casefold() in _SERVICE_FILES:
                left.append(Left("service file", place))
            elif _is_image(place):
                images.append(entry.name)
            else:
                others.append(entry.name)
        else:
            left.append(Left(_odd(place), place))
    return Folder(path, tuple(images), tuple(others), tuple(folders), tuple(left))


def _odd(place: Path) -> str:
    try:
        kind = special(place.stat().st_mode)
    except FileNotFoundError:
        return "dangling link" if place.is_symlink() else "file that is gone"
    except OSError:
        return "circular link"
    return kind.removeprefix("a ") if kind else "file that is gone"


def _is_image(place: Path) -> bool:
    suffix = place.suffix.casefold()
    if suffix in IMAGE_SUFFIXES:
        return True
    if suffix in (
        ".txt",
        ".xml",
        ".json",
        ".csv",
        ".tsv",
        ".md",
        ".jsonl",
        ".parquet",
        ".zip",
        ".mat",
        ".npy",
    ):
        return False
    try:
        with open_regular(place) as file:
            start = file.read(12)
    except OSError:
        return False
    return start.startswith(_SIGNATURES) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")
