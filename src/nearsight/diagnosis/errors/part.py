"""The part `errors`: which images are wrong, what decided them, and what would have turned them."""

from collections.abc import Iterator, Sequence

import numpy as np

from nearsight.diagnosis.errors.flip import Flip
from nearsight.diagnosis.errors.image_errors import Errors, ImageError, collect_errors, image_error
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import Column, Table, of_class
from nearsight.statistics.writing import points

# Of the misclassified images the costliest, and their longest side in pixels.
ERRORS_SHOWN = 100
ERROR_SIDE = 384


def _observe(look: Look) -> ImageError | None:
    return image_error(look.evidence, look.label, look.number, look.path)


def _measure(subject: Subject, seen: Sequence[ImageError]) -> Errors:
    return collect_errors(seen, subject.images.labels, subject.images.classes)


def _sentences(found: Errors, about: Findings) -> Iterator[str]:
    if not found.errors:
        yield f"none of {found.images:,} images is wrong under {about.scored}"
        return
    pair = found.pairs[0]
    yield (
        f"{len(found.errors):,} of {found.images:,} images are wrong under {about.scored}; most often "
        f"{about.classes[pair.label]} is taken for {about.classes[pair.prediction]} ({pair.count:,} images, "
        f"{points(pair.share, 0)} % of the class)"
    )
    shares = [error.flip.share for error in found.errors if error.flip is not None]
    standing = len(found.errors) - len(shares)
    if shares:
        yield (
            f"taking away {points(float(np.median(shares)), 0)} % of its tiles (the median; the strongest ones) "
            f"would change a wrong prediction; {standing:,} of them stand whatever is taken"
        )


def _pictures(found: Errors, _about: Findings) -> Iterator[Picture]:
    for error in found.errors[:ERRORS_SHOWN]:
        yield Picture(error.index, ERROR_SIDE)


def _flip_columns(name: str) -> tuple[Column, ...]:
    def flip(error: ImageError) -> Flip | None:
        found: Flip | None = getattr(error, name)
        return found

    def column(field: str, kind: str) -> Column:
        return Column(f"{name}.{field}", kind, lambda error, _: getattr(flip(error), field, None))

    def to(error: ImageError, about: Findings) -> str | None:
        found = flip(error)
        return None if found is None else about.classes[found.to]

    return (
        column("tiles", "list<int64>"),
        Column(f"{name}.to", "string", to),
        column("share", "float64"),
        column("smallest", "bool"),
    )


ERRORS = Part(
    package=__package__,
    title="Errors",
    found=Errors,
    observe=_observe,
    measure=_measure,
    tables=(
        Table(
            "errors",
            lambda found: found.errors,
            (
                Column("index", "int64"),
                Column("path", "string"),
                of_class("label"),
                of_class("prediction"),
                Column("margin", "float64"),
                Column("cost", "float64"),
                *_flip_columns("flip"),
                *_flip_columns("to_label"),
                Column("deciding", "list<int64>", lambda error, _: [tile.index for tile in error.deciding]),
                Column("rows", "int64", lambda error, _: error.grid.shape[0]),
                Column("columns", "int64", lambda error, _: error.grid.shape[1]),
                Column(
                    "map.prediction", "list<float32>", lambda error, _: error.evidence[0].flatten().tolist()
                ),
                Column("map.label", "list<float32>", lambda error, _: error.evidence[1].flatten().tolist()),
            ),
        ),
        Table(
            "pairs",
            lambda found: found.pairs,
            (
                of_class("label"),
                of_class("prediction"),
                Column("count", "int64"),
                Column("share", "float64"),
                Column("errors", "list<int64>"),
            ),
        ),
    ),
    sentences=_sentences,
    pictures=_pictures,
)
