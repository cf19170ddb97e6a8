"""The class in the names of files, by a regular expression."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nearsight.data.patterns import with_a_group
from nearsight.errors import InputError, listed

# The letters before anything else; the text before a number at the end; before the first separator; after the
# last one.
_COMMON = (
    "^([a-zA-Z]+)[^a-zA-Z]*[.]",
    "^(.*[a-zA-Z])[^a-zA-Z]*[.]",
    "^([a-zA-Z]+)[ ._-]",
    "[ ._-]([a-zA-Z]+)[.][^.]+$",
)


def class_of(pattern: str, files: Sequence[str]) -> list[str | None]:
    """Return the class of each file: the first group of a regular expression, searched for in its name.

    >>> class_of(r"^(\\w+)\\.", ["train/cat.0.jpg", "train/dog.1.jpg", "1.jpg"])
    ['cat', 'dog', '1']

    None means a name that it does not match. Raises `InputError` if the expression cannot be used.
    """
    expression = with_a_group(
        pattern, "class_pattern", "needs a group, whose text is the class, such as '^([a-z]+)'"
    )
    matches = (expression.search(Path(file).name) for file in files)
    return [None if match is None else match[1] or None for match in matches]


def labels_by_pattern(pattern: str, files: Sequence[str], where: str) -> list[str | None] | None:
    """Return the classes of a split's files, None if no name matches; raises `InputError` if some do not."""
    found = class_of(pattern, files)
    wrong = [Path(file).name for file, name in zip(files, found, strict=True) if name is None]
    if len(wrong) == len(files):
        return None
    if wrong:
        raise InputError(
            f"`class_pattern` '{pattern}' matches {len(files) - len(wrong)} of the {len(files)} images of {where}, "
            f"and not {listed(wrong)}; give one that matches all"
        )
    return found


def suggested_pattern(files: Sequence[str]) -> tuple[str, list[str]] | None:
    """Find an expression that gives classes from the names of a flat folder's files, and the classes that it finds.

    >>> suggested_pattern(["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg", "dog.2.jpg", "cat.2.jpg"])[1]
    ['cat', 'dog']
    >>> suggested_pattern(["1.jpg", "2.jpg", "3.jpg"]) is None
    True
    """
    for pattern in _COMMON:
        found = class_of(pattern, files)
        counts = Counter(name for name in found if name is not None)
        if None not in found and 2 <= len(counts) <= len(files) / 3 and min(counts.values()) > 1:
            return pattern, sorted(counts)
    return None
