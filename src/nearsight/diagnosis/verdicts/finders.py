"""What looks for candidates: each finder, by the name of what it looks for, in one place."""

from collections.abc import Mapping
from types import MappingProxyType

from nearsight.diagnosis.attributes.find import find_whole_image_attributes
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
    }
)


def find_candidates(examined: Examined, atlas: Atlas | None, tile: int | None) -> list[Candidate]:
    """Return what all finders find, with the marks and reasons of an atlas of the same images if there is one.

    Rules are made on the images that choose, and applied to all that are examined. `tile` is the side of the
    atlas's tiles in pixels.
    """
    candidates = [one for find in FINDERS.values() for one in find(examined)]
    if atlas is not None and tile is not None:
        candidates += [*mark_candidates(atlas, examined, tile), *reason_candidates(atlas, examined, tile)]
    return candidates
