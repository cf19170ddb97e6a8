"""Which earlier rows of a table of predictions are of the given images, and not of images that were replaced."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# A row, by the path of its image and the digest of that image's content; rows of older versions have none.
Row = tuple[str, str | None]


@dataclass(frozen=True)
class RowsKept:
    """The images that still need a row, by number, and the earlier rows that are dropped.

    `numbers` are those of the images that have a row, by that row; `untold` is how many of these rows do not say of
    which content they are.
    """

    missing: tuple[int, ...]
    dropped: frozenset[Row]
    numbers: Mapping[Row, int]
    untold: int


def rows_kept(
    paths: Sequence[str], earlier: Mapping[str, Sequence[str | None]], digest_of: Callable[[int], str]
) -> RowsKept:
    """Find the images that have no earlier row of their content, given the paths of all; a row is of one image.

    >>> earlier = {"a.png": ["11"], "b.png": ["22"], "gone.png": ["33"]}
    >>> found = rows_kept(["a.png", "b.png", "new.png"], earlier, ["11", "99", "44"].__getitem__)
    >>> found.missing, sorted(found.dropped)
    ((1, 2), [('b.png', '22')])

    `earlier` are the digests in the rows of each path, None in rows of older versions, which may be of any content.
    `digest_of` returns the digest of an image's present content, empty if that cannot be read; its row is then kept.
    Rows of images that are not given are kept.
    """
    images: defaultdict[str, list[int]] = defaultdict(list)
    for number, path in enumerate(paths):
        images[path].append(number)
    numbers: dict[Row, int] = {}
    dropped: set[Row] = set()
    done: set[int] = set()
    untold = 0
    for path, digests in earlier.items():
        # The images that have no row yet, by their digests. If no row has one, no image is read.
        told = any(digests)
        waiting: defaultdict[str, deque[int]] = defaultdict(deque)
        for number in images.get(path, ()):
            waiting[digest_of(number) if told else ""].append(number)
        present = {*waiting}
        for digest in sorted(digests, key=lambda digest: digest not in present):
            fitting = (digest, "") if digest else waiting
            key = next((one for one in fitting if one in waiting), None)
            if key is not None:
                number = waiting[key].popleft()
                if not waiting[key]:
                    del waiting[key]
                done.add(number)
                numbers.setdefault((path, digest), number)
                untold += not digest
            elif digest and present and digest not in present:
                dropped.add((path, digest))
    missing = tuple(number for number in range(len(paths)) if number not in done)
    return RowsKept(missing, frozenset(dropped), numbers, untold)
