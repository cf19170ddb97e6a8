"""What a user says about a classifier, in addition to what its source knows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nearsight.errors import InputError
from nearsight.models.onnx_session import Layout
from nearsight.models.outputs import Outputs
from nearsight.models.preprocessing import (
    Channels,
    InputRange,
    Interpolation,
    Preprocessing,
    Size,
    pair,
    preprocessing_of_transforms,
    triple,
)
from nearsight.read import is_file, read_json, read_text

Classes = Sequence[str] | str | Path | int


@dataclass(frozen=True, kw_only=True)
class Said:
    """What is said of a classifier in `Classifier.of`, where each is explained; None leaves it to the source."""

    classes: Classes | None = None
    tile: int | None = None
    preprocessing: Any = None
    resize_short: int | None = None
    resize_to: int | Size | None = None
    crop: int | Size | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    interpolation: Interpolation | None = None
    input_range: InputRange | None = None
    channels: Channels | None = None
    layout: Layout | None = None
    output: str | int | None = None
    outputs: Outputs | None = None
    processor: Any = None
    weights: str | Path | None = None
    pretrained: bool = True
    width: float = 1.0
    name: str | None = None

    def over(self, known: Preprocessing) -> Preprocessing:
        """Return a preprocessing in which the user's values replace the known ones.

        >>> known = Preprocessing((0.5,) * 3, (0.5,) * 3, resize_to=(64, 64))
        >>> Said(resize_short=32, mean=0).over(known)
        Preprocessing(mean=(0.0, 0.0, 0.0), std=(0.5, 0.5, 0.5), resize_short=32, interpolation='bicubic', \
resize_to=None, crop=None, input_range='0-1', channels='RGB', layout='NCHW', value_range=None)
        """
        if self.preprocessing is not None:
            whole = isinstance(self.preprocessing, Preprocessing)
            known = self.preprocessing if whole else preprocessing_of_transforms(self.preprocessing)
        changed: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("interpolation", "input_range", "channels", "layout")
            if getattr(self, name) is not None
        }
        if self.resize_short is not None:
            changed |= {"resize_short": int(self.resize_short), "resize_to": None}
        if self.resize_to is not None:
            changed |= {"resize_to": pair(self.resize_to)}
            if self.resize_short is None:
                changed |= {"resize_short": None}
        if self.crop is not None:
            changed |= {"crop": pair(self.crop)}
        for name in ("mean", "std"):
            if getattr(self, name) is not None:
                changed[name] = triple(getattr(self, name))
        return replace(known, **changed)

    @property
    def normalises(self) -> bool:
        """Whether anything is said about which numbers the network takes."""
        return any(value is not None for value in (self.preprocessing, self.mean, self.std, self.input_range))

    def class_names(self) -> tuple[str, ...] | None:
        """Return the given names, numbers if only their number is given; None if nothing is."""
        return None if self.classes is None else class_names(self.classes)


def class_names(given: Classes) -> tuple[str, ...]:
    """Return names of classes from a number of them, a file, a list with commas, or a sequence.

    >>> class_names(3), class_names("cat, dog"), class_names(["cat", "dog", "cat"])
    (('0', '1', '2'), ('cat', 'dog'), ('cat (0)', 'dog', 'cat (2)'))

    A file has one name per line, or is JSON: a list of names, or names by their number. A name that several
    classes share gets their numbers. Raises `InputError` for a file that cannot be read, and if there is no name
    at all.
    """
    if isinstance(given, str | Path):
        path = Path(given)
        if isinstance(given, str) and _seems_a_file(given) and not is_file(path):
            raise InputError(f"there is no file of class names {path}; give one, or names such as cat,dog")
        names = _in_file(path) if is_file(path) or isinstance(given, Path) else str(given).split(",")
        found = [name.strip() for name in names]
        if not all(found):
            raise InputError(
                f"classes has an empty name in {str(given)!r}; give a file, or names such as cat,dog"
            )
    elif isinstance(given, Iterable):
        found = [str(name) for name in given]
    else:
        found = class_numbers(int(given))
    if not found:
        raise InputError("classes is empty; give the name of each class, in the order of the model's outputs")
    return distinct(found)


def class_numbers(count: int) -> list[str]:
    """Return the numbers of classes that have no names."""
    return [str(number) for number in range(count)]


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return names, with the class's number added to those that several classes have."""
    shared = {name for name, holders in Counter(names).items() if holders > 1}
    return tuple(f"{name} ({number})" if name in shared else name for number, name in enumerate(names))


def _seems_a_file(given: str) -> bool:
    path = Path(given)
    return "," not in given and (path.suffix in (".txt", ".json", ".csv") or len(path.parts) > 1)


def _in_file(path: Path) -> list[str]:
    mend = "expected a name per line, a JSON list of them, or names by number from 0"
    if path.suffix != ".json":
        return read_text(path, mend).rstrip().splitlines()
    content = read_json(path, mend)
    if isinstance(content, dict):
        content = [content.get(str(number)) for number in range(len(content))]
    if isinstance(content, list):
        # ImageNet's usual file has an identifier before each name.
        names = [name[-1] if isinstance(name, list) and name else name for name in content]
        if all(isinstance(name, str | int) for name in names):
            return [str(name) for name in names]
    raise InputError(f"{path} holds no class names; {mend}")
