"""Pictures too large to be held: parts of them, what all of each looks like reduced, and each with changed parts."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from nearsight.data import ImageSet
from nearsight.data.overview import overview_of

_KEPT_PARTS = 64 * 2**20


@dataclass(eq=False)
class PartedPictures:
    """The images of a set of which some are too large to be held, read as far as it is needed.

    >>> from nearsight.data import load
    >>> scenes = load("scenes")["test"]
    >>> pictures = PartedPictures(scenes)
    >>> [part] = pictures.parts(3, [(8, 16)], (4, 4))
    >>> part.equal(scenes.image(3)[:, 8:12, 16:20]), pictures.overview(3).shape
    (True, torch.Size([3, 64, 64]))

    Parts that were read last are kept, in at most 64 MiB.
    """

    images: ImageSet
    _parts: OrderedDict[tuple[int, int, int, int, int], Tensor] = field(default_factory=OrderedDict)
    # The bytes of the parts that are kept.
    _taken: int = 0

    def size(self, index: int) -> tuple[int, int]:
        """Return the height and width of an image in pixels."""
        height, width = self.images.sizes[index].tolist()
        return height, width

    def parts(self, index: int, corners: Sequence[tuple[int, int]], size: tuple[int, int]) -> list[Tensor]:
        """Return parts of an image of one `size` (height, width) at some tops and lefts, uint8 (3, *size) each.

        An image in a format that is read from the top down is read once for all of them. Raises `InputError` naming
        the image for damage.
        """
        wanted = dict.fromkeys(corners)
        missing = [corner for corner in wanted if (index, *corner, *size) not in self._parts]
        if missing:
            image = self.images.looked_at(index)
            read = (
                [image[:, top : top + size[0], left : left + size[1]].clone() for top, left in missing]
                if isinstance(image, Tensor)
                else image.tiles(missing, size)
            )
            self._parts.update(zip(((index, *corner, *size) for corner in missing), read, strict=True))
            self._taken += sum(part.nbytes for part in read)
        found = [self._parts[index, *corner, *size] for corner in corners]
        for corner in wanted:
            self._parts.move_to_end((index, *corner, *size))
        while self._taken > _KEPT_PARTS:
            self._taken -= self._parts.popitem(last=False)[1].nbytes
        return found

    def part(self, index: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return one part of an image, uint8 (3, *size)."""
        [found] = self.parts(index, [(top, left)], size)
        return found

    def overview(self, index: int) -> Tensor:
        """Return what all of an image looks like, uint8 (3, rows, columns), the longer side at most 512 pixels.

        All of the image is read for it, or a level of its pyramid.
        """
        return overview_of(self.images.looked_at(index))


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels, uint8 (3, height, width), that replace those of an image from `top` and `left` on."""

    top: int
    left: int
    pixels: Tensor

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.pixels.shape[1]

    @property
    def right(self) -> int:
        """The first column to the right of it."""
        return self.left + self.pixels.shape[2]


@dataclass(frozen=True, eq=False)
class PartedPicture:
    """An image of `pictures` by its place, some parts of which are replaced, in the order of `patches`.

    >>> import torch
    >>> from nearsight.data import load
    >>> picture = PartedPicture(PartedPictures(load("scenes")["test"]), 3)
    >>> white = torch.full((3, 2, 2), 255, dtype=torch.uint8)
    >>> int((picture.with_part(10, 10, white).part(8, 8, (4, 4)) != picture.part(8, 8, (4, 4))).any(0).sum())
    4
    """

    pictures: PartedPictures
    index: int
    patches: tuple[Patch, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """The height and width in pixels."""
        return self.pictures.size(self.index)

    def with_part(self, top: int, left: int, pixels: Tensor) -> "PartedPicture":
        """Return the same image with `pixels`, uint8 (3, height, width), from `top` and `left` on."""
        return replace(self, patches=(*self.patches, Patch(top, left, pixels)))

    def part(self, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return a part of it as it is now, uint8 (3, *size)."""
        return self._changed(self.pictures.part(self.index, top, left, size), top, left)

    def tiles(self, corners: Sequence[tuple[int, int]], side: int) -> tuple[list[Tensor], list[Tensor]]:
        """Return square tiles at some tops and lefts as they were and as they are now, uint8 (3, side, side) each."""
        if not corners:
            return [], []
        top, left = (min(starts) for starts in zip(*corners, strict=True))
        bottom, right = (max(starts) + side for starts in zip(*corners, strict=True))
        # Tiles that overlap are cut out of one part.
        before = self.pictures.part(self.index, top, left, (bottom - top, right - left))
        after = self._changed(before, top, left)
        cut = [
            (slice(None), slice(y - top, y - top + side), slice(x - left, x - left + side))
            for y, x in corners
        ]
        return [before[where] for where in cut], [after[where] for where in cut]

    def _changed(self, pixels: Tensor, top: int, left: int) -> Tensor:
        height, width = pixels.shape[1:]
        found = pixels.clone()
        for patch in self.patches:
            first, last = max(patch.top, top), min(patch.bottom, top + height)
            start, end = max(patch.left, left), min(patch.right, left + width)
            if first < last and start < end:
                found[:, first - top : last - top, start - left : end - left] = patch.pixels[
                    :, first - patch.top : last - patch.top, start - patch.left : end - patch.left
                ]
        return found
