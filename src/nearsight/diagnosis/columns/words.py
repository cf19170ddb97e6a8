"""What a person calls the images with one value of a column, or on one side of a number or a time."""

from typing import Any

from nearsight.data.value_groups import FILE

_MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "a palette",
    "RGB": "RGB",
    "RGBA": "RGB with transparency",
    "CMYK": "CMYK",
}
_VALUES = {
    "format": "saved as {}",
    "mode": "stored as {}",
    "bits": "{} bits a colour",
    "width": "{} pixels wide",
    "height": "{} pixels high",
    "aspect": "width {} of the height",
    "bytes": "files of {}",
    "jpeg_quality": "JPEG quality {}",
    "camera_make": "camera by {}",
    "camera_model": "camera: {}",
    "software": "software: {}",
    "orientation": "EXIF orientation {}",
    "folder": "from the folder {}",
}
_BELOW = {
    "width": "less than {} pixels wide",
    "height": "less than {} pixels high",
    "aspect": "width below {} of the height",
    "bytes": "files below {}",
    "jpeg_quality": "JPEG quality below {}",
    "bits": "less than {} bits a colour",
    "orientation": "EXIF orientation below {}",
    "taken": "taken before {}",
}
_FROM = {
    "width": "{} pixels wide or more",
    "height": "{} pixels high or more",
    "aspect": "width {} of the height or more",
    "bytes": "files of {} or more",
    "jpeg_quality": "JPEG quality {} or more",
    "bits": "{} bits a colour or more",
    "orientation": "EXIF orientation {} or more",
    "taken": "taken on {} or later",
}
_MISSING = {
    "format": "without a file",
    "jpeg_quality": "not saved as JPEG",
    "camera_make": "no maker of a camera named",
    "camera_model": "no camera named",
    "software": "no software named",
    "orientation": "no EXIF orientation",
    "taken": "no time of capture",
    "folder": "in no folder",
    "fault": "metadata that can be read",
}
FAULTY = "metadata that cannot be read"


def kind_of(column: str) -> str:
    """Return the name of the kind of candidates of a column.

    >>> kind_of("camera"), kind_of("file.format")
    ('column:camera', 'file:format')
    """
    fact = _fact(column)
    return f"column:{column}" if fact is None else f"file:{fact}"


def words_of(column: str, value: str) -> str:
    """Name the images with one value.

    >>> words_of("camera", "X"), words_of("file.format", "PNG"), words_of("file.folder", "hospital-2")
    ('camera: X', 'saved as PNG', 'from the folder hospital-2')
    """
    fact = _fact(column)
    written = _size(value) if fact == "bytes" else _MODES.get(value, value) if fact == "mode" else value
    return _VALUES.get(fact or "", f"{column}: {{}}").format(written)


def words_in(column: str, value: str, unit: str) -> str:
    """Name the images within one year, month or day.

    >>> words_in("file.taken", "2019", "year"), words_in("visit", "2019-05-03", "day")
    ('taken in 2019', 'visit on 2019-05-03')
    """
    name = "taken" if _fact(column) == "taken" else column
    return f"{name} {'on' if unit == 'day' else 'in'} {value}"


def words_below(column: str, bound: Any) -> str:
    """Name the images below a number or before a time.

    >>> words_below("file.bytes", 12_300.0), words_below("age", 18.0)
    ('files below 12.3 kB', 'age below 18')
    """
    return _BELOW.get(_fact(column) or "", f"{column} below {{}}").format(_bound(column, bound))


def words_from(column: str, bound: Any) -> str:
    """Name the images at or above a number, or from a time on.

    >>> words_from("file.jpeg_quality", 90.0)
    'JPEG quality 90 or more'
    """
    return _FROM.get(_fact(column) or "", f"{column} {{}} or more").format(_bound(column, bound))


def words_missing(column: str) -> str:
    """Name the images without a value.

    >>> words_missing("camera"), words_missing("file.jpeg_quality")
    ('without camera', 'not saved as JPEG')
    """
    return _MISSING.get(_fact(column) or "", f"without {column}")


def _fact(column: str) -> str | None:
    return column.removeprefix(FILE) if column.startswith(FILE) else None


def _bound(column: str, bound: Any) -> str:
    if isinstance(bound, float):
        return _size(bound) if _fact(column) == "bytes" else f"{bound:.6g}"
    return str(bound).replace("T", " ").removesuffix(" 00:00:00")


def _size(count: float | str) -> str:
    number = float(count)
    return f"{number / 1e6:.3g} MB" if number >= 1e6 else f"{number / 1e3:.3g} kB"
