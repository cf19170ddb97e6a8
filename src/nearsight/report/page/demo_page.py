"""The page of the demonstration: what a network used, how that was proven, and what it does without it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearsight.repair import Repair
from nearsight.report.figure_file import figure_uri
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.report.page.charts import strip
from nearsight.report.page.environment import render
from nearsight.statistics import Estimate
from nearsight.statistics.writing import whole_per_cent
from nearsight.write import plain, write_text


@dataclass(frozen=True)
class Demonstration:
    """What `demo` made: a network that reads the background, the proof, and the network without it.

    `usual` and `swapped` are accuracies before and after the repair: on test images whose objects have the
    background of their class in nine of ten, and on the same objects on backgrounds of other classes. `verdicts`
    are what the diagnosis of training images found. `before` and `after` are heatmaps of the same images.
    """

    directory: Path
    data: str
    verdicts: tuple[str, ...]
    repair: Repair
    usual: tuple[Estimate, Estimate]
    swapped: tuple[Estimate, Estimate]
    before: Heatmaps
    after: Heatmaps

    def sentences(self) -> tuple[str, ...]:
        """Say what happened, in order."""
        usual, swapped = self.usual, self.swapped
        return (
            f"{whole_per_cent(usual[0])} of the usual test images are right, and {whole_per_cent(swapped[0])} of the "
            "same objects on backgrounds of other classes",
            *self.verdicts,
            f"after the repair, {whole_per_cent(swapped[1])} are right on backgrounds of other classes, and "
            f"{whole_per_cent(usual[1])} of the usual images",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the accuracies, the verdicts and the repair as JSON can hold them."""
        accuracies = {
            name: dict(zip(("before", "after"), map(_values, both), strict=True))
            for name, both in (("test", self.usual), ("swapped", self.swapped))
        }
        return {
            "out": str(self.directory),
            "data": self.data,
            "accuracy": accuracies,
            "verdicts": list(self.verdicts),
            "repair": self.repair.to_json(),
        }


def write_demo_page(found: Demonstration, path: Path) -> None:
    """Write the page of a demonstration to a file, whole or not at all; raises where `write_text` does."""
    drawn = [
        (
            _taken_for(before, after),
            figure_uri(found.before.figure(number)),
            figure_uri(found.after.figure(number)),
        )
        for number, (before, after) in enumerate(zip(found.before.images, found.after.images, strict=True))
    ]
    rows = [
        ("usual test images: nine of ten on the background of their class", *found.usual),
        ("the same objects on backgrounds of other classes", *found.swapped),
    ]
    write_text(
        path,
        render(
            "demo.html.j2",
            title="A shortcut found and removed",
            found=found,
            rows=rows,
            drawn=drawn,
            strip=strip,
        ),
    )


def _taken_for(before: Heatmap, after: Heatmap) -> str:
    classes = before.evidence.classes
    true = before.predicted if before.chosen is None else before.chosen
    return (
        f"{classes[true]}, predicted {classes[before.predicted]} before and {classes[after.predicted]} after"
    )


def _values(found: Estimate) -> dict[str, Any]:
    values: dict[str, Any] = plain({name: getattr(found, name) for name in ("value", "low", "high", "n")})
    return values
