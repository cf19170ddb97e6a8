"""Groups of images that belong in one split: of one patient, place or burst of shots; and near-duplicates."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.cells import cells
from nearsight.data.identity import Identity
from nearsight.data.image_set import ImageSet
from nearsight.data.patterns import with_a_group
from nearsight.errors import InputError, unknown_name
from nearsight.settings import Reading

if TYPE_CHECKING:
    import pyarrow as pa

# When it was taken, from a file's EXIF, among the columns of a set.
TAKEN = "exif_time"
_IN_A_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)[-_. T]"
    r"([0-2]\d)[-_.:]?([0-5]\d)[-_.:]?([0-5]\d)"
)


def group_names(images: ImageSet, reading: Reading) -> NDArray[np.str_] | None:
    """Return the group of each image as text (n,), empty for an image without one; None if no groups are requested.

    Groups that share an image, one by a column and one by a pattern, become one group. Raises `InputError` for a
    column that the set does not have, a pattern without a group, and if no image has a group.
    """
    found: list[NDArray[np.str_]] = []
    if reading.group_column is not None:
        found.append(_by_column(images, reading.group_column))
    if reading.group_pattern is not None:
        found.append(_by_pattern(images, reading.group_pattern))
    if reading.group_seconds is not None:
        found.append(_by_time(images, reading.group_seconds))
    if not found:
        return None
    return found[0] if len(found) == 1 else _united(found)


def _by_column(images: ImageSet, column: str) -> NDArray[np.str_]:
    known = [] if images.columns is None else images.columns.column_names
    if column not in known:
        if not known:
            raise InputError(
                f"{images.name} {images.split} has no columns beside images and labels, so none is `group_column`; "
                f"give a table with a column '{column}', or `group_pattern`"
            )
        raise unknown_name("column for `group_column`", column, known)
    assert images.columns is not None
    values = cells(images.columns[column])
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)


def _by_pattern(images: ImageSet, pattern: str) -> NDArray[np.str_]:
    found = with_a_group(
        pattern,
        "group_pattern",
        r"has no group in round brackets to take the name from, as in '^(.*)_\d+\.jpg$'",
    )
    paths = images.identity.paths
    matches = [found.search(str(path)) for path in paths]
    names = np.array([match[1] or "" if match else "" for match in matches], dtype=np.str_)
    if not (names != "").any():
        shown = next((str(path) for path in paths if path), "no image has a path")
        raise InputError(f"`group_pattern` '{pattern}' is found in no path of {images.name}, such as {shown}")
    return names


def _by_time(images: ImageSet, seconds: float) -> NDArray[np.str_]:
    """Chain images whose times follow each other within this many seconds; the first one's time is the name."""
    times = [_taken(images, i) for i in range(len(images))]
    known = sorted((time, i) for i, time in enumerate(times) if time is not None)
    if not known:
        raise InputError(
            f"`group_seconds` needs times, and no image of {images.name} {images.split} has one, neither in its EXIF "
            "nor in its name, as in IMG_20240131_235959.jpg; give `group_pattern` or `group_column`"
        )
    names = np.zeros(len(times), dtype="U32")
    first = last = known[0][0]
    for time, i in known:
        if (time - last).total_seconds() > seconds:
            first = time
        last = time
        names[i] = first.isoformat()
    return names


def with_times(columns: "pa.Table | None", taken: Sequence[str | None]) -> "pa.Table | None":
    """Add the times at which files were taken, if any has one, to the columns of a set.

    >>> with_times(None, ["2024:01:31 12:00:00", None]).to_pydict()
    {'exif_time': ['2024:01:31 12:00:00', None]}
    """
    if not any(taken) or (columns is not None and TAKEN in columns.column_names):
        return columns
    import pyarrow as pa

    times = pa.array(taken, pa.string())
    return pa.table({TAKEN: times}) if columns is None else columns.append_column(TAKEN, times)


def _taken(images: ImageSet, i: int) -> datetime | None:
    if images.columns is not None and TAKEN in images.columns.column_names:
        time = images.columns[TAKEN][i].as_py()
        if time is not None:
            return time if isinstance(time, datetime) else read_time(str(time))
    return read_time(str(images.identity.paths[i]).rpartition("/")[2])


def read_time(text: str) -> datetime | None:
    """Return the first time in a text, as a file's name or EXIF writes it; None if there is none.

    >>> read_time("IMG_20240131_120000.jpg"), read_time("2024:01:31 12:00:00") == datetime(2024, 1, 31, 12)
    (datetime.datetime(2024, 1, 31, 12, 0), True)
    """
    match = _IN_A_NAME.search(text.replace(":", "-", 2) if text[4:5] == ":" else text)
    try:
        return datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S") if match else None
    except ValueError:
        return None


def _united(found: Sequence[NDArray[np.str_]]) -> NDArray[np.str_]:
    pairs = [pair for names in found for pair in same_names(names)]
    cluster = clusters(len(found[0]), np.array(pairs, dtype=np.int64).reshape(-1, 2))
    named = np.any([names != "" for names in found], axis=0)
    # The name of a united group is the smallest of all names in it, so that it depends on no order.
    best: dict[int, str] = {}
    for names in found:
        for number, name in zip(cluster.tolist(), names.tolist(), strict=True):
            if name:
                best[number] = min(best.get(number, name), name)
    return np.array(
        [best[number] if known else "" for number, known in zip(cluster.tolist(), named, strict=True)]
    )


def same_names(names: NDArray[np.str_]) -> list[tuple[int, int]]:
    """Pair each image with the one before it of the same name, except for empty names."""
    last: dict[str, int] = {}
    pairs = []
    for i, name in enumerate(names.tolist()):
        if name and name in last:
            pairs.append((last[name], i))
        last[name] = i
    return pairs


def clusters(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each image's cluster, in which both images of a pair are together, (count,).

    >>> clusters(4, np.array([[0, 2], [2, 3]])).tolist()
    [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def units_of(
    identity: Identity, groups: NDArray[np.str_] | None, pairs: NDArray[np.int64]
) -> NDArray[np.str_]:
    """Return the name of the unit to which each image belongs, (n,): its group, or else its cluster.

    >>> cats = Identity(np.array(["b.png", "a.png", "c.png"]), np.array(["1", "2", "3"]))
    >>> units_of(cats, None, np.array([[0, 1]])).tolist()
    ['a.png', 'a.png', 'c.png']

    `pairs`, int64 (pairs, 2), are images that must be in one split, as near-duplicates. Images linked by either
    are one unit. It has the smallest of the names of its groups, or the smallest key if it has no group.
    """
    count = len(identity.digests)
    linked = [*map(tuple, pairs.tolist())] + ([] if groups is None else same_names(groups))
    cluster = clusters(count, np.array(linked, dtype=np.int64).reshape(-1, 2))
    names = identity.keys if groups is None else np.where(groups != "", _marked(groups), identity.keys)
    best: dict[int, str] = {}
    for number, name in zip(cluster.tolist(), names.tolist(), strict=True):
        best[number] = min(best.get(number, name), name)
    return np.array([best[number] for number in cluster.tolist()], dtype=np.str_)


def _marked(groups: NDArray[np.str_]) -> NDArray[np.str_]:
    # Sorts before every path, so that a unit with a group is named by it.
    return np.char.add("\x01", groups)
