"""What looks for candidates: each finder, by the name of what it looks for, in one place."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from nearsight.diagnosis.attributes.find import find_whole_image_attributes
from nearsight.diagnosis.attributes.overviews import find_looks_of_overviews
from nearsight.diagnosis.attributes.spots import find_spots
from nearsight.diagnosis.candidates import Candidate, Examined, Finder
from nearsight.diagnosis.columns.find import find_columns
from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.diagnosis.repeats import find_fixed_patterns, find_marks_anywhere
from nearsight.diagnosis.verdicts.mark_candidates import mark_candidates
from nearsight.diagnosis.verdicts.reason_candidates import reason_candidates

FINDERS: Mapping[str, Finder] = MappingProxyType(
    {
        "attributes": find_whole_image_attributes,
        "columns": find_columns,
        "repeats": find_fixed_patterns,
        "marks": find_marks_anywhere,
        "spots": find_spots,
    }
)

# Those that look at no whole image, and whose edits, if they have any, change parts of it.
OF_PARTS: Mapping[str, Finder] = MappingProxyType(
    {"overviews": find_looks_of_overviews, "columns": find_columns, "repeats": find_fixed_patterns}
)


def find_candidates(
    examined: Examined, atlas: Atlas | None, tile: int | None, seen: Examined | None = None
) -> list[Candidate]:
    """Return what all finders find, with the marks and reasons of an atlas if there is one.

    Rules are made on the images that choose, and applied to all that are examined. `tile` is the side of the
    atlas's tiles in pixels. The atlas is of the images of `seen`, which are the first of those examined and of which
    others may choose; by default it is of the same images. If some are too large to be held, only what needs no whole
    image is looked for.
    """
    finders = FINDERS if examined.parted is None else OF_PARTS
    candidates = [one for find in finders.values() for one in find(examined)]
    if atlas is not None and tile is not None:
        of_atlas = examined if seen is None else seen
        marks = mark_candidates(atlas, of_atlas, tile) if examined.parted is None else ()
        found = [*marks, *reason_candidates(atlas, of_atlas, tile)]
        candidates += (
            found if seen is None else [_among_more(one, seen, len(examined.labels)) for one in found]
        )
    return candidates


def _among_more(candidate: Candidate, seen: Examined, images: int) -> Candidate:
    """Return a candidate of the first of so many images; nothing is known of the others."""
    more = images - len(candidate.has)
    return replace(
        candidate,
        has=np.pad(candidate.has, (0, more)),
        value=np.pad(candidate.value, (0, more), constant_values=np.nan),
        chose=np.pad(seen.choosing, (0, more)),
    )
