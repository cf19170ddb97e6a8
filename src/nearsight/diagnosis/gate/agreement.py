"""How far tiles decide as a whole-image classifier does, and whether that suffices for their maps to explain it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.evaluation import predict
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.statistics import Estimate, absent, accuracy_estimate, chance_agreement, kappa_estimate
from nearsight.statistics.agreement import SUBSTANTIAL_KAPPA
from nearsight.statistics.means import Z95
from nearsight.statistics.writing import number, points, whole_per_cent, with_interval

# The lower end of kappa's interval must reach this.
LEAST_KAPPA = SUBSTANTIAL_KAPPA
# With fewer errors, we do not ask whether tiles make them too.
FEWEST_ERRORS = 10
LARGEST = 1 - 1e-9


@dataclass(frozen=True)
class Gate:
    """Whether maps of tiles explain the decisions of a classifier, and the agreement that says so.

    `protocol` is the one by which the classifier decides, and `tiles` the protocol that its maps add up to. If
    these are the same, the maps *are* the decision, and there is nothing to measure. `agreement` is the share of
    images for which both predict the same; its chance is that of independent predictions with the same
    frequencies of classes. `kappa` is Cohen's, the agreement beyond chance. `on_errors` is the share of the
    decision's errors at which tiles predict the same wrong class; its chance is that of predictions that depend
    on the label and on nothing else. `margins` is Spearman's rank correlation, over images, between the leads of
    the decision's class over the next one under both.
    """

    protocol: str
    tiles: str
    agreement: Estimate
    kappa: Estimate
    on_errors: Estimate
    margins: Estimate

    @property
    def exact(self) -> bool:
        """Whether the decision is made by tiles, so that their maps are the decision itself."""
        return self.protocol == self.tiles

    @property
    def open(self) -> bool:
        """Whether maps of tiles count as an explanation.

        The whole interval of kappa must be at least 0.6; and if there are at least 10 errors, tiles must make the
        same ones more often than predictions that depend on the label alone.
        """
        if self.exact:
            return True
        return self.agrees and self.errs_alike is not False

    @property
    def agrees(self) -> bool:
        """Whether kappa is high enough."""
        return self.kappa.low is not None and self.kappa.low >= LEAST_KAPPA

    @property
    def errs_alike(self) -> bool | None:
        """Whether tiles make the decision's errors beyond chance; None if there are too few errors to tell."""
        found = self.on_errors
        if found.low is None or found.chance is None or (found.n or 0) < FEWEST_ERRORS:
            return None
        return found.low > found.chance

    def sentence(self, scored: str) -> str:
        """Say whether tiles explain the decisions; `scored` is how the tiles are read (`scored_by`).

        >>> gate = measure_gate("full-pass", *2 * [np.eye(2, dtype=np.float32)[[0, 1] * 9]], np.array([0, 1] * 9))
        >>> gate.sentence("mean-logit, tile 16, stride 4")[:66]
        'it decides on whole images, and tiles explain that: read by tiles '
        """
        if self.exact:
            return f"it decides by its tiles ({scored}), so their maps show its decision"
        alike = (
            f"read by tiles ({scored}) it predicts {_beside_chance(self.agreement)} of {self.agreement.n:,} images "
            f"alike, kappa {with_interval(self.kappa, number)}"
        )
        if self.open:
            return f"it decides on whole images, and tiles explain that: {alike}"
        if not self.agrees:
            asked = f"where {LEAST_KAPPA} is asked of the whole interval"
            return f"it decides on whole images, and tiles do not explain that: {alike}, {asked}"
        return (
            f"it decides on whole images, and tiles do not explain its errors: {alike}, but of {self.on_errors.n:,} "
            f"errors only {_beside_chance(self.on_errors)} are the same"
        )


def measure_gate(
    protocol: str,
    decided: NDArray[np.float32],
    by_tiles: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    tiles: str = MEAN_LOGIT,
) -> Gate:
    """Measure how far tiles decide as a classifier does.

    >>> whole = np.eye(2, dtype=np.float32)[[0, 1] * 20]
    >>> gate = measure_gate("full-pass", whole, whole[::-1], labels=np.array([0, 1] * 20))
    >>> gate.open, gate.agreement.value, gate.agreement.chance, gate.kappa.value
    (False, 0.0, 0.5, -1.0)

    `decided` and `by_tiles` are the scores of the same images, float32 (n, classes), under `protocol` and under
    the protocol `tiles`; `labels` is int64 (n,). Kappa (Cohen, Educ. Psychol. Meas. 20, 1960) has Wilson's
    interval of the agreement, at the measured chance. Chance on the errors is, for each error, the share of the
    other images with its label for which tiles predict the same wrong class.
    """
    ours, theirs = predict(decided), predict(by_tiles)
    classes = decided.shape[1]
    agreement = accuracy_estimate(ours == theirs, chance=chance_agreement(ours, theirs))
    return Gate(
        protocol,
        tiles,
        agreement,
        kappa=kappa_estimate(agreement),
        on_errors=_on_errors(ours, theirs, labels, classes),
        margins=_margins(decided, by_tiles),
    )


def _beside_chance(share: Estimate) -> str:
    said = whole_per_cent(share)
    if share.chance is None:
        return said
    chance = f"chance {points(share.chance, 0)}"
    return f"{said[:-1]}; {chance})" if said.endswith(")") else f"{said} ({chance})"


def _on_errors(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], labels: NDArray[np.int64], classes: int
) -> Estimate:
    wrong = np.flatnonzero(ours != labels)
    if not len(wrong):
        return absent("it makes no error")
    alike = theirs == ours
    # For each label, how often tiles predict each class; an image is not its own chance. With many classes, most
    # pairs never occur, and only those that do are counted.
    pairs, counts = np.unique(labels * classes + theirs, return_counts=True)
    asked = labels[wrong] * classes + ours[wrong]
    places = np.searchsorted(pairs, asked).clip(max=len(pairs) - 1)
    others = np.bincount(labels, minlength=classes)[labels[wrong]] - 1
    same = np.where(pairs[places] == asked, counts[places], 0) - alike[wrong]
    known = others > 0
    chance = float((same[known] / others[known]).mean()) if known.any() else None
    return accuracy_estimate(alike[wrong], chance=chance)


def _margins(decided: NDArray[np.float32], by_tiles: NDArray[np.float32]) -> Estimate:
    """Return Spearman's correlation of the decision's lead, with the interval of Bonett and Wright (2000)."""
    from scipy.stats import spearmanr

    if decided.shape[1] < 2:
        return absent("there is one class only")
    first, second = np.argsort(-decided, axis=1, kind="stable")[:, :2].T
    rows = np.arange(len(decided))
    leads = [scores[rows, first] - scores[rows, second] for scores in (decided, by_tiles)]
    if len(rows) < 4 or any(np.ptp(lead) == 0 for lead in leads):
        return absent("all margins are alike" if len(rows) >= 4 else "there are too few images")
    value = float(spearmanr(*leads).statistic)
    # A perfect correlation would have an interval of no width, which no number of images can show.
    spread = Z95 * np.sqrt((1 + value**2 / 2) / (len(rows) - 3))
    middle = np.arctanh(np.clip(value, -LARGEST, LARGEST))
    return Estimate(
        value, float(np.tanh(middle - spread)), float(np.tanh(middle + spread)), len(rows), chance=0.0
    )
