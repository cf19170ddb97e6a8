"""The words for predictions of an image: the columns of tables, the same in CSV, in Parquet and as JSON."""

PATH, CLASS, PROBABILITY, MARGIN = "path", "class", "probability", "margin"
PROTOCOL, MODEL, MAP, FAULT, DIGEST = "protocol", "model", "map", "fault", "digest"

DEFAULT_TOP = 5
DEFAULT_PREDICTIONS = "predictions.csv"


def columns_of(top: int, *, mapped: bool) -> tuple[str, ...]:
    """Return the columns of predictions, without those of a table of images.

    >>> columns_of(2, mapped=False)
    ('path', 'class', 'probability', 'margin', 'class.2', 'probability.2', 'protocol', 'model', 'fault', \
'digest')

    The best class is in `class`, the others of the `top` best after it. `margin` is the distance between the two
    largest probabilities. `fault` says why an image has no prediction, and `digest` is that of the image's content:
    by it a row is known from that of an image that was replaced.
    """
    others = [f"{name}.{rank}" for rank in range(2, top + 1) for name in (CLASS, PROBABILITY)]
    return (
        PATH,
        CLASS,
        PROBABILITY,
        MARGIN,
        *others,
        PROTOCOL,
        MODEL,
        *([MAP] if mapped else []),
        FAULT,
        DIGEST,
    )
