"""What shortens work that takes more than an hour, by what is counted."""

from nearsight.progress.watching import duration

LONG_SECONDS = 3600.0

_SHORTENED_BY = {
    "training": "fewer `epochs` or `steps`, or a smaller `width` or `tile`",
    "evaluating images": "a larger `stride`",
    "predicting images": "a larger `stride`, or `protocol='full-pass'`",
    "showing tiles to networks of whole images": "a smaller `on_tiles`",
    "mapping images": "a larger `stride`, or fewer images",
    "searching training images": "fewer `training_tiles` or `tiles`",
    "taking tiles away": "fewer `images`, or a larger `stride`",
    "measuring tile sizes": "fewer `images`, or a larger `stride`",
    "checking the maps of images": "a smaller `faithfulness`",
    "removing objects and backgrounds": "fewer `images`",
    "editing images and classifying them again": "fewer `images`",
    "looking into errors": "fewer `images`",
    "training networks on permuted labels": "a smaller `null`",
}


def warning_of_length(what: str, left: float) -> str | None:
    """Return a warning about work that will take more than another hour, with what shortens it; None for other work.

    >>> warning_of_length("training", 7260)
    'training has 2:01:00 to go; to shorten it, give fewer `epochs` or `steps`, or a smaller `width` or `tile`'
    >>> warning_of_length("training", 3000) is None
    True

    `what` is what a `Progress` counts, and `left` is the number of remaining seconds.
    """
    if left <= LONG_SECONDS:
        return None
    return f"{what} has {duration(left)} to go{way_to_shorten(what, left)}"


def way_to_shorten(what: str, left: float) -> str:
    """Return the end of a sentence that says what shortens work of more than an hour; empty for other work.

    >>> way_to_shorten("evaluating images", 7260), way_to_shorten("evaluating images", 60)
    ('; to shorten it, give a larger `stride`', '')
    """
    if left <= LONG_SECONDS or what not in _SHORTENED_BY:
        return ""
    return f"; to shorten it, give {_SHORTENED_BY[what]}"
