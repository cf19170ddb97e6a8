"""Pack a set for random access."""

from pathlib import Path

from nearsight.arguments import checked
from nearsight.data.loading import place_of
from nearsight.data.packed.place import PackedSet, pack_place
from nearsight.launch import in_one_process
from nearsight.progress import Progress, watched
from nearsight.settings import Machine
from nearsight.shortage import tells_of_memory


@checked
@tells_of_memory("packing", "workers")
@in_one_process
def pack(
    data: str | Path,
    *,
    out: str | Path,
    machine: Machine | None = None,
    progress: Progress | bool = True,
) -> PackedSet:
    """Make a copy of a set in which a tile costs the same wherever it lies in its image, with the same pixels.

    >>> import tempfile
    >>> from PIL import Image
    >>> place = Path(tempfile.mkdtemp())
    >>> for name in ("cat", "dog"):
    ...     (place / "photos" / name).mkdir(parents=True)
    ...     for k in range(3):
    ...         Image.new("RGB", (300, 300), (80 * k, 0, 0)).save(place / "photos" / name / f"{k}.jpg")
    >>> made = pack(place / "photos", out=place / "packed", progress=False)
    >>> made.packed, made.copied
    (6, {})

    `data` is an image folder or Parquet: a path, or a name under NEARSIGHT_DATA. Every other verb takes `made.data`
    in its place, and finds the same images, labels, splits, columns and regions.

    - A JPEG keeps its quantised coefficients and metadata, and gets restart markers and an index; it stays a JPEG for
      other programs. Pictures that follow the first are left out.
    - A PNG, BMP, PPM or TIFF of 8 bits without transparency becomes a TIFF in tiles with the same pixels and without
      its metadata, under its old name. This needs `pip install 'nearsight[large]'`, also for reading single tiles.
    - Others, and images of less than 256×256 pixels, are copied as they are and counted in `made.copied`.

    The pixels of each file are compared with the original's before it is kept.

    `out` is a directory that is empty or does not exist. The copy is made beside it, in `OUT.unfinished`, and gets
    its name when it is complete; if interrupted, the same call continues. `machine` says how many processes work on
    it. `progress=False` shows nothing; a `Progress` object gets the messages instead. Needs
    `pip install 'nearsight[pack]'`; reading a packed set does not. Raises `InputError` for anything else than an
    image folder or Parquet, for a set of which nothing can be packed, and if `out` is not empty or there is no room.
    """
    workers = (machine or Machine()).decoding_workers()
    with watched(progress) as channel:
        return pack_place(place_of(str(data)), Path(out), workers, channel)
