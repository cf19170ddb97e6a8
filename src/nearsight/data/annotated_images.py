"""Which annotation belongs to which image: by the name of its file, and by its directories if several have it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nearsight.data.shapes import Annotated

_OF_A_MASK = re.compile(r"[-_. ]?(mask|masks|seg|segmentation|gt|label)$", re.IGNORECASE)


def by_image(
    annotated: Sequence[Annotated], paths: Sequence[str]
) -> tuple[list[Annotated | None], list[str]]:
    """Find the annotation of each image, in the order of `paths`, and the images for which this is not clear.

    >>> said = [Annotated("labels/train/1.txt"), Annotated("labels/val/1.txt"), Annotated("labels/val/2.txt")]
    >>> found, unclear = by_image(said, ["images/val/1.jpg", "images/train/1.jpg", "images/train/3.jpg"])
    >>> [each and each.image for each in found], unclear
    (['labels/val/1.txt', 'labels/train/1.txt', None], [])

    An annotation belongs to at most one image, and to none if two are equally near to it.
    """
    stems: dict[str, list[int]] = {}
    for number, each in enumerate(annotated):
        for stem in _stems(each):
            stems.setdefault(stem, []).append(number)
    chosen: list[int | None] = []
    unclear: set[int] = set()
    nearest: dict[int, list[tuple[tuple[bool, int, int], int]]] = {}
    for k, path in enumerate(paths):
        near = [
            (_shared(annotated[number].image, path), number) for number in set(stems.get(Path(path).stem, ()))
        ]
        best = [number for shared, number in near if shared == max(near)[0]]
        chosen.append(best[0] if len(best) == 1 else None)
        if len(best) > 1:
            unclear.add(k)
        elif best:
            nearest.setdefault(best[0], []).append((max(near)[0], k))
    for claims in nearest.values():
        top = max(shared for shared, _ in claims)
        winners = [k for shared, k in claims if shared == top]
        for _, k in claims:
            if [k] != winners:
                chosen[k] = None
                if k in winners:
                    unclear.add(k)
    found = [None if number is None else annotated[number] for number in chosen]
    return found, [paths[k] for k in sorted(unclear)]


def _stems(each: Annotated) -> Iterator[str]:
    stem = Path(each.image).stem
    yield stem
    if each.mask is not None and (plain := _OF_A_MASK.sub("", stem)) not in ("", stem):
        yield plain


def _shared(annotated: str, path: str) -> tuple[bool, int, int]:
    """How near two paths are: the name with its suffix, the directories at the end, the directories anywhere."""
    ours, theirs = Path(path).parts, Path(annotated).parts
    same = 0
    for mine, other in zip(reversed(ours[:-1]), reversed(theirs[:-1]), strict=False):
        if mine != other:
            break
        same += 1
    return ours[-1] == theirs[-1], same, len(set(ours[:-1]) & set(theirs[:-1]))
