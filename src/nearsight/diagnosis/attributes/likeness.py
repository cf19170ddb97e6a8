"""Images that look as if they had been edited: all that an edit changes in the measures, as one number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.curves import TONAL, CurvesOfClass
from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.fitting import LEAST_OF_THE_WAY
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_set_off
from nearsight.diagnosis.attributes.scaling import Scale
from nearsight.diagnosis.candidates import MANY_CAUSES, Candidate, Edit, Examined
from nearsight.statistics import area_under_curve, false_discovery, jaccard

Values = NDArray[np.float32]

# Pictures that are edited to see what an edit changes, and those used to find its strength.
EDITED, PICTURES = 16, 8
# Added to the variances, in squared spreads, so that measures that hardly vary are not trusted too much.
STEADY = 0.1
FALSE_DISCOVERIES = 0.05
# Classes with fewer images that choose are skipped: a separate group cannot be recognised in them.
FEWEST = 10
# The images beyond the threshold must be set off from the class's others (`Rule.pure`) or be a separate group.
# They must be this many times as frequent as elsewhere, and this share of edited pictures must lie there too.
SET_OFF, CLEAN, REACHED = 0.8, 10.0, 0.5
# Rules of a class that share this many of their images become one; this many others are kept.
SAME, MOST_OF_A_CLASS = 1 / 3, 2


@dataclass(frozen=True)
class Likeness:
    """An edit that is searched for: what people call its result, how it is made and undone, and its strengths.

    `back` is None if no edit removes what this one adds without harm to images that do not have it.
    """

    attribute: str
    words: str
    way: Way
    strengths: tuple[float, ...]
    back: Way | None = None


LIKENESSES = (
    Likeness("blocks", "compressed: 8-pixel blocks", edits.COMPRESSED, (50, 80), edits.BLUR),
    Likeness("colour noise", "noisy colours", edits.NOISE, (4, 11), edits.CALMED),
    Likeness("fine detail", "blurred or enlarged: no fine detail", edits.BLUR, (0.5, 0.8, 1.3), edits.SHARP),
    Likeness("sharpness", "sharpened", edits.SHARP, (60, 200), edits.BLUR),
    Likeness("colour variety", "greyscale or of one hue", edits.GREYSCALE, (1.0,), edits.COLOURED),
    *(
        Likeness("cast", f"{hue} cast", more, (more.strengths[3], more.strengths[6]), less)
        for hue, more, less in edits.CASTS
    ),
    Likeness("contrast", "weak contrast", edits.FADED, (0.15, 0.3, 0.5), edits.UNFADED),
    Likeness("contrast", "weak contrast", edits.SOFT, (-0.3, -0.8), edits.HARD),
    Likeness("contrast", "strong contrast", edits.HARD, (0.3, 0.8), edits.SOFT),
    Likeness("midtones", "dark midtones", edits.DARK_GAMMA, (-0.3, -0.8), edits.LIGHT_GAMMA),
    Likeness("midtones", "light midtones", edits.LIGHT_GAMMA, (0.3, 0.8), edits.DARK_GAMMA),
    Likeness("darkest", "hazy: nothing dark", edits.HAZE, (0.15, 0.4), edits.DARKER),
    Likeness("lightest", "dim: nothing light", edits.VEIL, (0.15, 0.4), edits.BRIGHTER),
    Likeness("brightness", "bright", edits.BRIGHTER, (20, 55), edits.DARKER),
    Likeness("brightness", "dark", edits.DARKER, (-20, -55), edits.BRIGHTER),
    Likeness("saturation", "strong colours", edits.COLOURED, (0.4, 0.8), edits.PALE),
    Likeness("saturation", "pale or grey: little colour", edits.PALE, (-0.4, -1.1), edits.COLOURED),
)


def find_likenesses(examined: Examined, values: Values) -> Iterator[Candidate]:
    """Yield what looks as if some images of a class had been edited, and hardly any others.

    `values` are what `measure_all` found for all examined images. 16 of the images that choose are edited and
    measured again. Each image then gets one number (Fisher's discriminant): its position along the direction in
    which edited and unedited pictures lie farthest apart, relative to how pictures vary anyway. What pictures
    show moves them along other directions: a bluish sky is not what a bluish cast makes of a picture. A threshold
    is set as for a single attribute. It counts if the images beyond it are set off from the others of the class,
    or are a separate group (`rule_apart`), if they are ten times as frequent in the class as elsewhere, minus a
    standard error, and if half of the edited pictures lie beyond it too. Several processes share the edits.
    """
    known = ~np.isnan(values).any(1)
    choosing = examined.choosing & known
    labels = examined.labels[choosing]
    classes = [number for number in np.unique(labels).tolist() if (labels == number).sum() >= FEWEST]
    if not classes:
        return
    scale = Scale.of(values[choosing])
    near = scale(values)
    places = np.random.default_rng((examined.seed, 5)).permutation(np.flatnonzero(choosing))[:EDITED]
    plain = examined.pictures_at(places)
    common = np.cov(near[choosing].T) + STEADY * np.eye(near.shape[1])
    edited = [(likeness, strength) for likeness in LIKENESSES for strength in likeness.strengths]

    processes = examined.decision.processes
    own, done = len(processes.dealt(edited)), 0

    def change(one: tuple[Likeness, float]) -> NDArray[np.float64]:
        nonlocal done
        likeness, strength = one
        changed = scale(measure_all(map(likeness.way.edit(strength), plain)))
        done += 1
        examined.progress.count("measuring edited images", done, own)
        return np.asarray(changed - near[places], dtype=np.float64)

    found: list[_Found] = []
    for (likeness, _), changed in zip(edited, processes.for_each(edited, change), strict=True):
        weights = np.linalg.solve(common + np.cov(changed.T) / 2, changed.mean(0))
        score = np.where(known, near @ weights, np.nan).astype(np.float32)
        reached = score[places] + changed @ weights
        for number in classes:
            inside = labels == number
            rule = rule_set_off(score[choosing], inside, SET_OFF, class_number=number)
            if rule is not None and (reached >= rule.threshold).mean() >= REACHED:
                found.append(_Found(likeness, rule, score, weights))
    for one in _distinct(examined, found, 2 * len(classes) * len(edited)):
        yield _candidate(examined, values, one, scale)


@dataclass(frozen=True, eq=False)
class _Found:
    """A threshold on how much images look like an edit's results; `weights` are those of all measures."""

    likeness: Likeness
    rule: Rule
    score: Values
    weights: NDArray[np.float64]


def _distinct(examined: Examined, found: Sequence[_Found], tests: int) -> Iterator[_Found]:
    """Yield the rules that are believed and set off, the clearest first; one for nearly the same images."""
    chance = np.ones(tests)
    chance[: len(found)] = [one.rule.probability for one in found]
    rates = false_discovery(chance)[: len(found)]
    labels = examined.labels[examined.choosing]
    believed = [
        one
        for one, rate in zip(found, rates, strict=True)
        if rate <= FALSE_DISCOVERIES and one.rule.times_as_frequent(labels == one.rule.class_number) >= CLEAN
    ]
    kept: dict[int, list[NDArray[np.bool_]]] = {}
    for one in sorted(believed, key=lambda one: -one.rule.clear):
        others = kept.setdefault(one.rule.class_number, [])
        has = one.rule.has(one.score) & (examined.labels == one.rule.class_number) & examined.choosing
        if len(others) < MOST_OF_A_CLASS and all(jaccard(has, other) < SAME for other in others):
            others.append(has)
            yield one


def _candidate(examined: Examined, values: Values, found: _Found, scale: Scale) -> Candidate:
    rule, score = found.rule, found.score
    mine, has, choosing = examined.labels == rule.class_number, rule.has(score), examined.choosing
    own = mine & ~has
    curves = CurvesOfClass(examined, rule.class_number, has)
    without = own if (own & choosing).sum() >= PICTURES else ~has

    def measured(pictures: Iterable[Tensor]) -> Values:
        return np.asarray(scale(measure_all(pictures)) @ found.weights, dtype=np.float32)

    def fitted(
        way: Way, change: NDArray[np.bool_], like: NDArray[np.bool_], *, on: bool, learned: bool = True
    ) -> Edit | None:
        pictures, wanted = examined.pictures(change, PICTURES), float(np.nanmedian(score[like & choosing]))
        if learned and found.likeness.attribute in TONAL:
            curve = curves.edit(on=on)
            if curve is not None and (arrives := _nearest([curve], pictures, wanted, measured)) is not None:
                return arrives
        return _nearest([way.edit(strength) for strength in way.strengths], pictures, wanted, measured)

    candidate = Candidate(
        class_number=rule.class_number,
        attribute=found.likeness.attribute,
        words=found.likeness.words,
        artefact=True,
        has=has,
        value=score,
        effect=area_under_curve(score[mine & has & choosing], score[~mine & choosing & ~np.isnan(score)]),
        put_on=fitted(found.likeness.way, ~mine & ~has, mine & has, on=True),
        take_off=None
        if found.likeness.back is None
        else fitted(found.likeness.back, mine & has, without, on=False),
        causes=MANY_CAUSES,
        named_by=partial(fitted, found.likeness.way, ~mine & ~has, mine & has, on=True, learned=False)
        if found.likeness.attribute in TONAL
        else None,
    )
    return replace(candidate, pictured=pictured(examined, values, candidate))


def _nearest(
    tried: Sequence[Edit],
    pictures: Sequence[Tensor],
    wanted: float,
    measured: Callable[[Iterable[Tensor]], Values],
) -> Edit | None:
    """Return the edit that brings pictures nearest to a wanted number; None if none goes half of the way."""
    if not pictures:
        return None
    before = float(np.nanmedian(measured(pictures)))
    away = [abs(float(np.nanmedian(measured(map(edit, pictures)))) - wanted) for edit in tried]
    best = int(np.argmin(away))
    return tried[best] if away[best] <= (1 - LEAST_OF_THE_WAY) * abs(before - wanted) else None
