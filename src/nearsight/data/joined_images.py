"""Images that one set keeps in several splits, as one list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.encoded_files import EncodedFiles
from nearsight.data.identity import Identity
from nearsight.data.image_set import ImageSet, JoinedImages
from nearsight.data.regions import JoinedRegions

if TYPE_CHECKING:
    import pyarrow as pa


def chosen_of(parts: Sequence[ImageSet], index: NDArray[np.int64]) -> ImageSet:
    """Return images of several splits of a set as one, in the order of `index`, which counts through all of them.

    If they come from one split, it is a plain selection. Otherwise columns that every split has are kept, and so are
    regions if all splits that have some give them in the same way.
    """
    ends = np.cumsum([len(images) for images in parts])
    part = np.searchsorted(ends, index, side="right")
    place = index - np.concatenate([[0], ends])[part]
    if (part == part[0]).all():
        return parts[int(part[0])].select(place)
    identities = [images.identity for images in parts]
    files = [images.files for images in parts if images.files is not None]
    return replace(
        parts[0],
        labels=np.concatenate([images.labels for images in parts])[index],
        images=JoinedImages(tuple(images.images for images in parts), part, place),
        regions=JoinedRegions.of([images.regions for images in parts], part, place),
        columns=_shared_columns(parts, index),
        known_identity=Identity(
            np.concatenate([identity.paths for identity in identities])[index],
            np.concatenate([identity.digests for identity in identities])[index],
        ),
        files=EncodedFiles.joined(files).select(index) if len(files) == len(parts) else None,
    )


def _shared_columns(parts: Sequence[ImageSet], index: NDArray[np.int64]) -> "pa.Table | None":
    tables = [images.columns for images in parts if images.columns is not None]
    if len(tables) < len(parts):
        return None
    import pyarrow as pa

    first, *others = (table.column_names for table in tables)
    shared = [name for name in first if all(name in names for names in others)]
    return pa.concat_tables([table.select(shared) for table in tables], promote_options="permissive").take(
        index
    )
