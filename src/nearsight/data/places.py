"""What is at a path: which of the known layouts it has, read as tables by split."""

from pathlib import Path

from nearsight.data.cifar import is_cifar, read_cifar
from nearsight.data.folder import read_folder
from nearsight.data.image_set import ImageSet
from nearsight.data.listed_table import TABLES
from nearsight.data.listing import read_listing
from nearsight.data.parquet import parquet_files, read_parquet
from nearsight.data.saved import is_saved, read_saved
from nearsight.data.stl10 import is_stl10, read_stl10
from nearsight.data.table import Table
from nearsight.data.tree import ARCHIVES, IMAGE_SUFFIXES
from nearsight.data.webdataset import TAR, read_webdataset
from nearsight.errors import InputError
from nearsight.read import belonging_together, special
from nearsight.settings import Reading


def read_place(path: Path, reading: Reading) -> tuple[dict[str, Table], list[str]]:
    """Read a file or directory, whichever layout it has, as tables by split, with notes on what was concluded.

    Raises `InputError` for an unknown layout, and for an archive.
    """
    kind = special(path.stat().st_mode)
    if kind not in (None, "a directory"):
        raise InputError(f"{path} is {kind}; give a file or a directory")
    if is_saved(path):
        return read_saved(path)
    if path.is_file():
        return _read_file(path)
    if parquet_files(path):
        return read_parquet(path)
    return read_folder(path, reading)


def read_arrays(path: Path, name: str) -> tuple[dict[str, ImageSet], list[str]] | None:
    """Read a directory, or the only one in it, whose images are together in files of their own; None for others."""
    if not path.is_dir():
        return None
    inside = [place for place in path.iterdir() if place.is_dir() and not place.name.startswith((".", "__"))]
    for place in [path, *inside[:1]] if len(inside) == 1 else [path]:
        read = read_cifar if is_cifar(place) else read_stl10 if is_stl10(place) else None
        if read is not None:
            with belonging_together(place, "download it again"):
                return read(place, name)
    return None


def is_image_folder(path: Path) -> bool:
    """Whether a path is a directory whose images are files of their own."""
    return path.is_dir() and not is_saved(path) and not parquet_files(path)


def _read_file(path: Path) -> tuple[dict[str, Table], list[str]]:
    suffix = path.suffix.casefold()
    if suffix in TABLES:
        return read_listing(path)
    if suffix == TAR:
        return read_webdataset([path], path)
    if suffix in ARCHIVES:
        raise InputError(f"{path} is an archive; unpack it, and give the directory that it makes")
    if suffix in IMAGE_SUFFIXES:
        raise InputError(
            f"{path} is a single image; give the directory that holds one directory per class, or a table"
        )
    return read_parquet(path)
