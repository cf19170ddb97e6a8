"""A directory tree as it lies on disk: its images, and what is passed over and why."""

import os
import stat
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

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
        ".ico",
        ".pcx",
        ".sgi",
        ".xbm",
        ".xpm",
        ".dds",
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
# Of the formats that people store without a suffix or under another program's.
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_LISTED = 3


@dataclass(frozen=True)
class Left:
    """Something that is passed over: what kind of thing, and where it is."""

    kind: str
    path: Path


@dataclass(frozen=True)
class Folder:
    """One directory: the names of its images and other visible files, its directories, and what it passes over."""

    path: Path
    images: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    folders: tuple["Folder", ...] = ()
    left: tuple[Left, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The directory's own name."""
        return self.path.name

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
        """Whether there is no file in it at any depth, but for what is passed over."""
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
    """List a directory and all below it, following links; a directory is not entered again from within itself.

    Images are known by their suffix, or by their first bytes where the suffix is none of an image. Hidden and service
    files, dangling and circular links, pipes and sockets are passed over, and nothing of them is opened.
    """
    status = path.stat()
    return _read(path, frozenset([(status.st_dev, status.st_ino)]))


def told_left(root: Folder, folders: Sequence[Folder], used: Container[str] = ()) -> list[str]:
    """Say in one note what directories pass over, by kind, with the first of each kind of link.

    >>> told_left(Folder(Path("a")), [Folder(Path("a"), left=(Left("hidden", Path("a/.x")),), others=("b.xml",))])
    ['not images, and passed over: 1 .xml, 1 hidden']

    Files called as in `used` are not passed over.
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
        where = f" ({_within(firsts[kind], root.path)})" if "link" in kind or "closed" in kind else ""
        several = "s" if count > 1 and kind.endswith("link") else ""
        told.append(f"{count:,} {kind}{several}{where}")
    return [f"not images, and passed over: {', '.join(told)}"]


def _within(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _read(path: Path, above: frozenset[tuple[int, int]]) -> Folder:
    images: list[str] = []
    others: list[str] = []
    folders: list[Folder] = []
    left: list[Left] = []
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        place = path / entry.name
        if entry.name.startswith("."):
            left.append(Left("hidden", place))
            continue
        try:
            is_directory, is_file = entry.is_dir(), entry.is_file()
            if is_directory:
                status = place.stat()
                mark = (status.st_dev, status.st_ino)
        except OSError:
            # A link that leads to itself by way of others.
            left.append(Left("circular link", place))
            continue
        if is_directory:
            if entry.name.casefold() in _SERVICE_DIRECTORIES:
                left.append(Left("service directory", place))
            elif mark in above:
                left.append(Left("circular link", place))
            else:
                folders.append(_read(place, above | {mark}))
        elif is_file:
            if entry.name.casefold() in _SERVICE_FILES:
                left.append(Left("service file", place))
            elif _is_image(place):
                images.append(entry.name)
            else:
                others.append(entry.name)
        elif entry.is_symlink() and not place.exists():
            left.append(Left(_lost(place), place))
        else:
            left.append(Left(_special(place), place))
    return Folder(path, tuple(images), tuple(others), tuple(folders), tuple(left))


def _lost(place: Path) -> str:
    try:
        place.stat()
    except FileNotFoundError:
        return "dangling link"
    except OSError:
        return "circular link"
    return "dangling link"


def _special(place: Path) -> str:
    mode = place.stat().st_mode
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"


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
        with place.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return start.startswith(_SIGNATURES) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")
