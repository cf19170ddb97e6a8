"""Loading a set of images by its name or place."""

import errno
import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Unpack

from nearsight.data.bars import can_redraw, without_bars
from nearsight.data.builtin import read_digits, read_scenes
from nearsight.data.cache_damage import told_of_damage
from nearsight.data.decode import allowed_pixels
from nearsight.data.decode_memory import decode_memory
from nearsight.data.encoded import check_path
from nearsight.data.hub import read_hub
from nearsight.data.image_set import ImageSet, ImageSets
from nearsight.data.opening import open_tables
from nearsight.data.places import is_image_folder, read_arrays, read_place
from nearsight.data.splits import cut
from nearsight.errors import InputError, unknown_name
from nearsight.progress import SILENT, Progress
from nearsight.settings import Reading, ReadingOptions
from nearsight.settings.choices import DEFAULT_VALIDATION
from nearsight.signatures import takes_fields_of

HUB_NAMES: Mapping[str, str] = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "stl10": "tanganke/stl10",
    "tiny-imagenet": "zh-plus/tiny-imagenet",
    "imagenet": "ILSVRC/imagenet-1k",
}
_BUILT_IN = ("digits", "scenes")


@takes_fields_of(Reading)
def load(
    data: str | Path,
    *,
    validation: float = DEFAULT_VALIDATION,
    seed: int = 0,
    progress: Progress | bool = True,
    **options: Unpack[ReadingOptions],
) -> ImageSets:
    """Load a set of images with its splits: a name, a place, or `hf:OWNER/NAME[@REVISION]`.

    >>> sets = load("digits")
    >>> sets["train"], sets["train"].pixels.shape
    (ImageSet(digits train: 1,289 images, 10 classes, in memory), torch.Size([1289, 3, 8, 8]))
    >>> sets.notes[0]
    'test: 365 of the 1797 images of train, held out by a hash of their path'

    A name is searched for under the directories of NEARSIGHT_DATA, then among the known names, which are built in
    (`digits`, `scenes:shortcut=0.9,seed=1`) or come from the hub through its cache, then as a path. If the set has
    no `val`, a share `validation` of train becomes it, chosen by `seed`; 0 keeps train whole. A place is an image
    folder, a table of files and labels, Parquet, tar files of WebDataset, a directory saved by `datasets`, or a
    known set as unpacked from its archive. Images of one size, of up to 1024×1024 pixels in a set of up to 2 GiB,
    are held in memory; others are decoded when asked for. A bar shows reading and downloads, unless `progress` is
    False.

    Raises `InputError` on a name or place that is not there, and on images or labels that cannot be used;
    images that cannot be read are left out instead, with a note, when `skip_bad`. The other options are those of
    `Reading`; what they say holds now and when an image is decoded later.
    """
    if not 0 <= validation < 1:
        raise InputError(f"validation is a share of train from 0 up to but not 1, got {validation}")
    read = read_set(data, progress=progress, **options)
    return cut(read, validation, seed)


@takes_fields_of(Reading)
def read_set(
    data: str | Path, *, progress: Progress | bool = True, **options: Unpack[ReadingOptions]
) -> ImageSets:
    """Read a set as `load` does, with the splits that it has of its own: nothing is cut.

    >>> list(read_set("digits"))
    ['train']
    """
    name, reading = str(data), Reading(**options)
    check_path(name)
    # A setting that cannot be understood is not a fault of the images.
    decode_memory()
    try:
        with allowed_pixels(reading.max_pixels), told_of_damage():
            found, notes = _find(name, reading, shown=progress not in (False, SILENT))
    except Exception as fault:
        if _is_disk_full(fault):
            raise _disk_full() from fault
        if isinstance(fault, PermissionError):
            raise InputError(
                f"{fault}; change its permissions, or set HF_HOME to a directory of yours"
            ) from fault
        raise
    return ImageSets(name, found, tuple(notes), reading=reading)


def known_names() -> tuple[str, ...]:
    """Return the names that `load` knows, sorted: built-in ones, those of the hub, and those under NEARSIGHT_DATA.

    >>> {"cifar10", "digits", "scenes"} <= set(known_names())
    True
    """
    local = (place.name for directory in _nearsight_data() for place in directory.iterdir() if place.is_dir())
    return tuple(sorted({*HUB_NAMES, *_BUILT_IN, *local}))


def place_of(name: str) -> Path:
    """Return where a set lies on this machine, by its name or path, as `load` finds it.

    >>> place_of("digits")
    Traceback (most recent call last):
    nearsight.errors.InputError: digits lies in no folder of this machine; give the path of an image folder, of \
Parquet or of tar files

    Raises `InputError` for what is built in or comes from the hub, and for what is not there.
    """
    check_path(name)
    if (local := _under_nearsight_data(name)) is not None:
        return local
    if name in HUB_NAMES or name.partition(":")[0] in ("hf", *_BUILT_IN):
        raise InputError(
            f"{name} lies in no folder of this machine; give the path of an image folder, of Parquet or of tar files"
        )
    return _existing(name)


def _find(name: str, reading: Reading, shown: bool) -> tuple[dict[str, ImageSet], list[str]]:
    kind = name.partition(":")[0]
    local = _under_nearsight_data(name)
    if local is None and name == "digits":
        return read_digits(), []
    if local is None and kind == "scenes":
        return read_scenes(name), []
    with nullcontext() if shown and can_redraw() else without_bars():
        return _read(name, local, reading)


def _read(name: str, local: Path | None, reading: Reading) -> tuple[dict[str, ImageSet], list[str]]:
    kind = name.partition(":")[0]
    notes: list[str] = []
    folder = None
    place = None
    if local is None and (kind == "hf" or name in HUB_NAMES):
        repository, _, revision = HUB_NAMES.get(name, name.removeprefix("hf:")).partition("@")
        tables = read_hub(repository, revision or None)
    else:
        path = local or _existing(name)
        arrays = read_arrays(path, name)
        if arrays is not None:
            return arrays
        place = path if path.is_dir() else path.parent
        folder = path if is_image_folder(path) else None
        tables, notes = read_place(path, reading)
    found, more = open_tables(name, tables, reading, place, folder)
    return found, notes + more


def _under_nearsight_data(name: str) -> Path | None:
    if Path(name).name != name or not name:
        return None
    places = (directory / name for directory in _nearsight_data())
    return next((place for place in places if place.exists()), None)


def _nearsight_data() -> list[Path]:
    named = os.environ.get("NEARSIGHT_DATA", "").split(os.pathsep)
    return [Path(directory) for directory in named if directory and Path(directory).is_dir()]


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    if name and path.exists():
        return path
    if path.name != name or path.suffix:
        raise InputError(
            f"there is no file or folder {name}; give the path of an image folder, of Parquet or of tar files"
        )
    raise InputError(f"{unknown_name('image set', name, known_names())}; or give a path, or hf:OWNER/NAME")


def _is_disk_full(fault: BaseException | None) -> bool:
    if fault is None:
        return False
    return getattr(fault, "errno", None) == errno.ENOSPC or _is_disk_full(fault.__cause__)


def _disk_full() -> InputError:
    from datasets import config

    return InputError(
        f"the disk that holds the cache {config.HF_DATASETS_CACHE} is full; free some space, or set HF_HOME "
        "to a directory on another disk"
    )
