"""Edited images as the files of their set would hold them: an edit must leave nothing but what it adds."""

from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin
from torch import Tensor

from nearsight.data.decode import allowed_pixels, decode_image, named_faults
from nearsight.data.encoded import encoded, open_image
from nearsight.data.exif import read_exif
from nearsight.data.image_set import ImageSet, image_file

# Other colours, such as those of print, would be converted twice.
_MODES = ("RGB", "L")
# The turn that undoes the one of each EXIF orientation.
_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def as_stored(images: ImageSet, i: int, pixels: Tensor) -> Tensor:
    """Return changed pixels of image i, uint8 (3, H, W), as they would be read from a file like that of image i.

    >>> import torch
    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    >>> black = ImageSet("black", "train", ("a", "b"), np.array([0]), MemoryImages(pixels, ("a.png",)))
    >>> as_stored(black, 0, pixels[0] + 5).unique().tolist()
    [5]

    If the image comes from a JPEG, they are compressed by the tables of that file, and turned as it is. Otherwise a
    network can tell edited images from those that were saved with a shortcut in them, which were compressed after
    it. What does not come from a JPEG, or has another size than its file, as images that are too large to be held
    have once they are reduced, is returned as it is. Raises `InputError`, which names the file, if it can no longer
    be read.
    """
    if images.files is None:
        return pixels
    # An image that was read once may be read again, whatever is allowed to others.
    with allowed_pixels(pixels[0].numel()):
        cell = images.files.cell(i)
        return pixels if cell is None else _compressed_like(image_file(cell), pixels, images.path(i))


def _compressed_like(file: bytes | str, pixels: Tensor, name: str) -> Tensor:
    # Its header is read, whatever its size.
    with named_faults(file, name), encoded(file) as stream, open_image(stream) as image:
        whole = sorted(image.size) == sorted(pixels.shape[1:])
        if not whole or not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode not in _MODES:
            return pixels
        tables, sampling = image.quantization, JpegImagePlugin.get_sampling(image)
        as_rgb, orientation = _keeps_rgb(image), read_exif(image).orientation
    picture = Image.fromarray(np.ascontiguousarray(pixels.numpy().transpose(1, 2, 0)))
    tags = Image.Exif()
    if orientation in _BACK:
        picture = picture.transpose(_BACK[orientation])
        tags[ExifTags.Base.Orientation] = orientation
    buffer = BytesIO()
    picture.save(buffer, "JPEG", qtables=tables, subsampling=sampling, keep_rgb=as_rgb, exif=tags)
    return decode_image(buffer.getvalue())


def _keeps_rgb(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Whether a JPEG holds red, green and blue as they are, and not brightness and colour, as most do."""
    if image.mode != "RGB" or "jfif" in image.info:
        return False
    if "adobe" in image.info:
        return bool(image.info.get("adobe_transform") == 0)
    return bytes(layer[0] for layer in image.layer) == b"RGB"
