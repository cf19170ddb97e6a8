"""A diagnosis made by hand: scenes with made-up evidence, and every part that the page shows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages, SceneImages, draw_scenes
from nearsight.diagnosis.errors.image_errors import collect_errors, tile_error
from nearsight.diagnosis.faithfulness.maps import Faithfulness, MethodRow
from nearsight.diagnosis.gate.agreement import Gate
from nearsight.diagnosis.labels.duplicates import Duplicate
from nearsight.diagnosis.labels.part import Labels
from nearsight.diagnosis.labels.suspects import LabelSuspect
from nearsight.diagnosis.locality.sizes import Locality, SizeRow
from nearsight.diagnosis.parts import PARTS
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.diagnosis.place import Place
from nearsight.diagnosis.protocols.agreement import AgreementRow, Protocols
from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import AtlasTile, Reason
from nearsight.diagnosis.reliance.background import Reliance, RelianceRow
from nearsight.diagnosis.reliance.part import NO_REGION
from nearsight.diagnosis.result import Diagnosis
from nearsight.diagnosis.with_and_without import WithAndWithout
from nearsight.evidence import EvidenceMap
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid

PART_NAMES = tuple(part.name for part in PARTS)
GRID = TileGrid(64, 64, tile=16, stride=8)
Make = Callable[..., Diagnosis]


def estimate(value: float, n: int = 40, chance: float | None = 0.125, half: float = 0.06) -> Estimate:
    return Estimate(value, value - half, value + half, n, chance)


@cache
def drawn(count: int) -> SceneImages:
    """Return so many scenes, drawn once, for all tests."""
    return draw_scenes("test", count=count)


@pytest.fixture(scope="session")
def make_diagnosis() -> Make:
    """Return what makes a diagnosis of `count` scenes; keywords replace its fields and, by name, its parts."""

    def make(
        *,
        count: int = 56,
        wrong: int = 20,
        grid: TileGrid = GRID,
        names: Sequence[str] | None = None,
        paths: Sequence[str] | None = None,
        numbers: np.ndarray | None = None,
        **changes: Any,
    ) -> Diagnosis:
        scenes = drawn(count)
        classes = scenes.classes if names is None else tuple(names)
        labels = scenes.labels if numbers is None else numbers
        paths = paths or [f"test/{classes[label]}/{i:04}.png" for i, label in enumerate(labels)]
        examined = ImageSet("scenes", "test", classes, labels, MemoryImages(scenes.pixels, tuple(paths)))
        maps = [random_map(i, int(label), i < wrong, grid, classes) for i, label in enumerate(labels)]
        found = [
            error
            for i, one in enumerate(maps)
            if (error := tile_error(one, int(labels[i]), i, paths[i])) is not None
        ]
        made = Diagnosis(
            model="runs/tile-16/seed-0",
            data="scenes",
            split="test",
            classes=classes,
            tile=grid.tile,
            stride=grid.stride,
            grid=grid.kind,
            network="airbench, width 0.25",
            trained_tile=grid.tile,
            images=count,
            seed=0,
            decision="mean-logit",
            notes=("56 of 1,000 images were examined, drawn at random with seed 0",),
            versions={"nearsight": "0.1.0", "torch": "2.15.0"},
            machine="cpu, 2 cores",
            class_images=tuple(np.bincount(labels, minlength=len(classes)).tolist()),
            pictures=ExaminedPictures(examined, lambda image: image),
            parts={},
            absent={},
        )
        parts = {
            "gate": made_gate("mean-logit", count),
            "protocols": Protocols(
                (
                    AgreementRow("full-pass", estimate(1.0, count, None, 0), estimate(0.61, count)),
                    AgreementRow("mean-logit", estimate(0.88, count), estimate(0.58, count)),
                    AgreementRow("vote", estimate(0.82, count), estimate(0.55, count)),
                )
            ),
            "errors": collect_errors(found, labels, classes),
            "labels": Labels(
                (LabelSuspect(0, paths[0], 0, len(classes) - 1, 0.82, 0.06, 0.77),),
                (Duplicate(0, paths[0], "train", 12, "train/cup/12.png", 0.021, False),),
            ),
            "reasons": Atlas(
                tuple(class_reasons(number, maps, labels, paths) for number in range(len(classes)))
            ),
            "reliance": reliance(classes, count),
            "locality": Locality(
                tuple(
                    SizeRow(
                        tile,
                        (64 // tile) ** 2,
                        estimate(0.3 + tile / 200, count),
                        estimate(min(0.94, 0.4 + tile / 110), count),
                        estimate(0.2 + tile / 160, count),
                        estimate(0.3 - tile / 220, count, None),
                    )
                    for tile in (8, 16, 24, 32, 48, 64)
                ),
                whole=estimate(0.61, count),
                own=estimate(0.58, count),
                decided="mean-logit, tile 16, stride 16",
            ),
            "faithfulness": Faithfulness(
                "mean-logit",
                32,
                (
                    MethodRow(
                        "evidence", estimate(0.61, 32, 0.0), estimate(0.74, 32, 0.51), estimate(0.21, 32, 0.5)
                    ),
                    MethodRow(
                        "edges", estimate(0.18, 32, 0.0), estimate(0.6, 32, 0.51), estimate(0.4, 32, 0.5)
                    ),
                    MethodRow(
                        "random", estimate(-0.02, 32, 0.0), estimate(0.51, 32, None), estimate(0.5, 32, None)
                    ),
                ),
                ("filling with the mean colour makes images that the network was never trained on",),
            ),
        } | {name: changes.pop(name) for name in [*changes] if name in PART_NAMES}
        known = {name: parts[name] for name in PART_NAMES if parts.get(name) is not None}
        absent = {} if "reliance" in known else {"reliance": NO_REGION}
        return replace(made, parts=known, absent=absent, **changes)

    return make


def made_gate(protocol: str, count: int, agreement: float = 0.9) -> Gate:
    """Return a gate of a classifier that decides under a protocol."""
    kappa = (agreement - 0.2) / 0.8
    return Gate(
        protocol,
        "mean-logit",
        estimate(agreement, count, 0.2),
        Estimate(kappa, kappa - 0.1, min(1.0, kappa + 0.1), count, 0.0),
        estimate(0.7, 20, 0.15),
        estimate(0.8, count, 0.0),
    )


@pytest.fixture
def make_gate() -> Callable[..., Gate]:
    """Return what makes a gate, of a protocol, a number of images and an agreement."""
    return made_gate


def random_map(seed: int, label: int, wrong: bool, grid: TileGrid, classes: Sequence[str]) -> EvidenceMap:
    """Return smooth random logits; of a wrong image the next class but one or two wins."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, len(classes), 3, 3, generator=random)
    logits = 2.5 * torch.nn.functional.interpolate(coarse, size=grid.shape, mode="bicubic")[0]
    winner = (label + 1 + seed % 2) % len(classes) if wrong else label
    logits[winner] += 0.6 + (logits.mean((1, 2)).max() - logits[winner].mean())
    return EvidenceMap(logits, grid, tuple(classes))


def class_reasons(
    number: int, maps: Sequence[EvidenceMap], labels: np.ndarray, paths: Sequence[str]
) -> ClassReasons:
    own = [atlas_tile(i, number, maps[i], labels, paths) for i in np.flatnonzero(labels == number)]
    others = [atlas_tile(i, number, maps[i], labels, paths) for i in np.flatnonzero(labels != number)]
    imitators = sorted(others, key=lambda tile: -tile.evidence)[:12]
    own.sort(key=lambda tile: -tile.evidence)
    reasons = [
        Reason(
            share=estimate(share, len(tiles), 0.5),
            total_share=estimate(share * 0.8, 40, None),
            purity=estimate(0.9 - share / 4, 2 * len(tiles), 0.5),
            place=place,
            appearance=appearance,
            on_object=estimate(0.06, len(tiles), 0.13, 0.03),
            examples=tuple(tiles),
            count=len(tiles),
            accuracy=WithAndWithout(
                estimate(0.79 + share / 6, len(tiles), None),
                estimate(0.37 - share / 7, 40 - len(tiles), None),
                estimate(0.42 + share / 3, 40, 0.77),
                estimate(0.31 + share / 2, 20, 0.29),
            ),
            carried=estimate(share * 0.9, 40, 0.03, 0.02),
        )
        for share, tiles, place, appearance in (
            (0.64, own[: len(own) // 2 + 1], Place(0.2, 0.5, 0.07, 0.24, "top"), "flat light blue"),
            (0.36, own[len(own) // 2 + 1 :], Place(0.52, 0.48, 0.1, 0.12, "centre"), "textured brown"),
        )
        if tiles
    ]
    return ClassReasons(maps[0].classes[number], len(own), tuple(reasons), tuple(imitators))


def atlas_tile(
    index: int, number: int, evidence_map: EvidenceMap, labels: np.ndarray, paths: Sequence[str]
) -> AtlasTile:
    relative = evidence_map.logits[number] - evidence_map.logits.mean(0)
    tile = int(relative.argmax())
    row, column = divmod(tile, evidence_map.grid.shape[1])
    return AtlasTile(
        int(index),
        paths[index],
        int(labels[index]),
        evidence_map.grid.tops[row],
        evidence_map.grid.lefts[column],
        float(relative.max()),
        tuple(range(len(evidence_map.classes))),
        tuple(evidence_map.logits[:, row, column].tolist()),
    )


def reliance(classes: Sequence[str], images: int) -> Reliance:
    def row(name: str, off: float, n: int) -> RelianceRow:
        return RelianceRow(
            name,
            n,
            estimate(off, n, 0.72),
            estimate(0.72, n, None, 0.02),
            estimate(0.41, n - 2, 1 / len(classes)),
            estimate(0.66, n, 1 / len(classes)),
            estimate(0.35, n, 0.24),
            estimate(off - 0.72, n, 0.0),
        )

    return Reliance(
        "mask",
        row("all", 0.61, images),
        tuple(row(name, 0.4 + 0.07 * (i % 7), 7) for i, name in enumerate(classes)),
        images,
        images,
        ("Masks are exact to the pixel.",),
    )


class Parsed(HTMLParser):
    """What a page holds: its tags with their attributes in order, and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent = self._silent and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """The attributes of every tag of a kind that has these among them; class_ stands for class."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [held for name, held in self.tags if name == tag and wanted.items() <= held.items()]


@pytest.fixture
def parse() -> Callable[[str], Parsed]:
    """Return what reads a page with the standard library's parser."""
    return Parsed
