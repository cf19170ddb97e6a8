"""Verdicts as the page shows them: with the pictures that show it, and some of the class that have it not."""

from collections.abc import Sequence
from dataclasses import dataclass

from nearsight.diagnosis.pictures import Picture, Pictures
from nearsight.diagnosis.verdicts.part import EXAMPLE_SIDE, SHOWN, Verdicts
from nearsight.diagnosis.verdicts.verdict import Verdict
from nearsight.report.page.pictures import data_uri


@dataclass(frozen=True)
class Example:
    """A picture of the class: its file as a data URI, its sides in pixels, and the box in it that shows the verdict.

    `box` is left, top, width and height in the picture's pixels; None where it is everywhere or nowhere in it.
    """

    uri: str
    height: int
    width: int
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class VerdictCard:
    """A verdict with pictures of images that have it and of images of the class that have it not."""

    verdict: Verdict
    class_name: str
    examples: tuple[Example, ...]
    beside: tuple[Example, ...]

    @property
    def proofs(self) -> tuple[str, ...]:
        """What the interventions gave."""
        return self.verdict.proofs(self.class_name)

    @property
    def advice(self) -> str:
        """What to do next."""
        return self.verdict.advice(self.class_name)


def verdict_cards(found: Verdicts, classes: Sequence[str], pictures: Pictures) -> tuple[VerdictCard, ...]:
    """Return the cards of the strongest verdicts; the table holds the others."""
    return tuple(
        VerdictCard(
            one,
            classes[one.class_number],
            examples=tuple(_example(index, pictures, one.place) for index in one.examples),
            beside=tuple(_example(index, pictures, None) for index in one.beside),
        )
        for one in found.verdicts[:SHOWN]
    )


def _example(index: int, pictures: Pictures, place: tuple[float, float, float, float] | None) -> Example:
    height, width = pictures.size(index)
    box = None
    if place is not None:
        top, left, bottom, right = place
        box = (left * width, top * height, (right - left) * width, (bottom - top) * height)
    return Example(data_uri(pictures.encoded(Picture(index, EXAMPLE_SIDE))), height, width, box)
