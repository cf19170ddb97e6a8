"""The part `errors`: which images are wrong, what decided them, and what would have changed them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from nearsight.data import ImageSet
from nearsight.diagnosis.errors.explaining import explain_errors
from nearsight.diagnosis.errors.flip import Flip
from nearsight.diagnosis.errors.image_errors import (
    Errors,
    ImageError,
    collect_errors,
    tile_error,
    wrong_images,
)
from nearsight.diagnosis.errors.regions import kept_region
from nearsight.diagnosis.errors.words import hiding_words, removal_words
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.gate.part import GATE, explains
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import PLACE, PLACES, Column, Table, of_class
from nearsight.numbers import agreeing, counted
from nearsight.statistics.writing import points

# Number of misclassified images, the costliest, and the longest side of their pictures in pixels.
ERRORS_SHOWN = 100
ERROR_SIDE = 384
# The longest side of the picture of a deciding tile; those of images that are shown this many times smaller have one.
TILE_SIDE, TILES_APART = 96, 4


def _observe(look: Look) -> ImageError | None:
    return tile_error(look.evidence, look.label, look.number, look.path)


def _measure(subject: Subject, seen: Sequence[ImageError]) -> Errors:
    decision, images = subject.decision, subject.images
    scores = subject.evaluation.scores[decision.protocol]
    subject.progress.say("errors: what explains them, and what would have changed them")
    explained = explain_errors(
        decision,
        images,
        wrong_images(decision.protocol, scores, images.labels, images.paths()),
        {error.index: error for error in seen},
        by_gate=explains(GATE.of(subject.found)),
        most=ERRORS_SHOWN if subject.parted is None else 0,
        known=subject.removed,
        seed=subject.seed,
        progress=subject.progress,
    )
    if subject.parted is not None and explained.errors:
        subject.tell(
            "what changes a wrong prediction is counted in the maps alone: images too large to be held are not "
            "classified again with their tiles hidden"
        )
    if explained.left_out:
        subject.tell(f"errors are not all explained by what is lost without tiles: {explained.left_out}")
    found = collect_errors(
        explained.errors, images.labels, images.classes, tried=explained.tried, hidden=explained.hidden
    )
    shown = tuple(_with_region(error, images) for error in found.errors[:ERRORS_SHOWN])
    return replace(found, errors=(*shown, *found.errors[ERRORS_SHOWN:]))


def _with_region(error: ImageError, images: ImageSet) -> ImageError:
    region = images.region(error.index)
    return error if region is None else replace(error, region=kept_region(region))


def _sentences(found: Errors, about: Findings) -> Iterator[str]:
    if not found.errors:
        yield f"none of {counted(found.images, 'image')} is wrong under {about.decided}"
        return
    pair = found.pairs[0]
    yield (
        f"{len(found.errors):,} of {counted(found.images, 'image')} "
        f"{agreeing(len(found.errors), 'is', 'are')} wrong under {about.decided}; most often "
        f"{about.classes[pair.label]} is taken for {about.classes[pair.prediction]} ({counted(pair.count, 'image')}, "
        f"{points(pair.share, 0)} % of the class)"
    )
    yield from hiding_words(found) if about.decides_whole else removal_words(found)


def _leads(found: Errors, about: Findings) -> Iterator[Lead]:
    if found.pairs:
        pair = found.pairs[0]
        taken = f"{about.classes[pair.label]} is taken for {about.classes[pair.prediction]} ({pair.count:,})"
        yield Lead(
            "wrong", f"{len(found.errors):,}", f"of {counted(found.images, 'image')}; most often {taken}"
        )


def _pictures(found: Errors, _about: Findings) -> Iterator[Picture]:
    for error in found.errors[:ERRORS_SHOWN]:
        yield Picture(error.index, ERROR_SIDE)
        yield from deciding_pictures(error)


def deciding_pictures(error: ImageError) -> Iterator[Picture]:
    """Yield a picture of each deciding tile, if the picture of its image is too small to show it."""
    grid = error.grid
    if grid is not None and max(grid.height, grid.width) > TILES_APART * ERROR_SIDE:
        for tile in error.deciding:
            yield Picture(error.index, TILE_SIDE, (tile.top, tile.left, grid.tile))


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
        column("area", "float64"),
        column("holds", "bool"),
    )


def _side(axis: int) -> Callable[[ImageError, Findings], int | None]:
    return lambda error, _: None if error.drawn_grid is None else error.drawn_grid.shape[axis]


def _map(number: int) -> Callable[[ImageError, Findings], list[float] | None]:
    return lambda error, _: None if error.evidence is None else error.evidence[number].flatten().tolist()


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
                Column("index", PLACE),
                Column("path", "string"),
                of_class("label"),
                of_class("prediction"),
                Column("margin", "float64"),
                Column("cost", "float64"),
                *_flip_columns("flip"),
                *_flip_columns("to_label"),
                Column("deciding", "list<int64>", lambda error, _: [tile.index for tile in error.deciding]),
                Column("kind", "string"),
                Column("rows", "int64", _side(0)),
                Column("columns", "int64", _side(1)),
                Column("map.prediction", "list<float32>", _map(0)),
                Column("map.label", "list<float32>", _map(1)),
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
                Column("errors", PLACES),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
    pictures=_pictures,
    needs=(GATE.name,),
)
