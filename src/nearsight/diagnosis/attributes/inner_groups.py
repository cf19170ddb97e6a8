"""Groups of a class's images that the network's inner layers tell from all others, and what these see of them."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.answers import FEWEST, askable
from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.edits import as_it_is
from nearsight.diagnosis.attributes.groups import named_after
from nearsight.diagnosis.attributes.inner import InnerLayers, Shift
from nearsight.diagnosis.attributes.learned import RANKED, surest_first
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.looks_inside import LooksInside, seeing
from nearsight.diagnosis.attributes.set_off import Rows, SetOff
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Examined
from nearsight.errors import InputError
from nearsight.statistics import area_under_curve

Values = NDArray[np.float32]

# Images of other classes on which the layer is chosen that is changed, and layers of which the change to compare
# with is tried, too.
ASKED, MOST_BESIDE = 32, 3
# With fewer images on either side there is nothing to learn from.
LEAST = 8
# Images that are told by forests together.
AT_ONCE = 512


def find_inner_groups(inside: LooksInside) -> Iterator[Candidate]:
    """Yield groups of a class's images that the network's inner layers tell from all other images.

    A kind that nobody thought of measuring is still seen by a network that goes by it. So the same forests as in
    `find_groups` are grown on what the layers see (`InnerLayers`). No edit is known that makes other images so. What
    the layers see of the group's images, and not of the class's others, is given to others inside the network
    (`Shift`), in the layer whose change moves most images that choose. The change to compare with is that to the half
    of the class's others that the network is surest of, from the other half, and as long. Some of a class may well be
    of another subject than the rest, which no layer tells from how images were made. So such groups are at most
    suspects.
    """
    measured, layers, numbers = inside.looks, inside.layers, inside.numbers
    examined, classes, grown = measured.examined, measured.classes(FEWEST), measured.grown
    if not askable(len(classes)):
        return
    labels = examined.labels[grown]
    rows = Rows(numbers, labels, examined.seed)
    sure = rows.of_classes()
    found = {number: rows.group(number, sure[number]) for number in classes}
    groups = {
        number: group
        for number, group in found.items()
        if group is not None and group.counts(labels == number)
    }
    if not groups:
        return
    try:
        values = _values(layers, measured, groups)
    except InputError:
        return
    for number, group in groups.items():
        value = values[number]
        value[grown] = group.sure
        value[np.isnan(measured.values).any(1)] = np.nan
        has, mine = group.rule.has(value), labels == number
        curves = CurvesOfClass(examined, number, has)
        attribute, words = named_after(examined, measured.values, curves, number, has)
        shift, beside = _shifts(examined, layers, numbers, grown, number, has)
        yield Candidate(
            class_number=number,
            attribute=attribute,
            words=words,
            artefact=False,
            has=has,
            value=value,
            effect=area_under_curve(group.sure[mine & has[grown]], group.sure[~mine]),
            causes=ANY_CAUSE,
            inside=shift,
            inside_beside=beside,
        )


def _values(layers: InnerLayers, measured: Looks, groups: Mapping[int, SetOff]) -> dict[int, Values]:
    """Return how sure each group's forest is of all examined images, float32 (n,)."""
    images = measured.examined.images
    found = {number: np.zeros(len(images), dtype=np.float32) for number in groups}
    rest = np.setdiff1d(np.arange(len(images)), measured.grown)
    for start in range(0, len(rest), AT_ONCE):
        some = rest[start : start + AT_ONCE]
        numbers = layers.see_all(images, some, seeing(measured.examined, start, len(rest)))
        for number, group in groups.items():
            found[number][some] = group.value(numbers)
    return found


def _shifts(
    examined: Examined,
    layers: InnerLayers,
    numbers: Values,
    grown: NDArray[np.int64],
    number: int,
    has: NDArray[np.bool_],
) -> tuple[Shift, Shift] | tuple[None, None]:
    """Return the change to a group from the class's others, in one layer, and the one to compare it with.

    `numbers` are what the layers see of the images that rules grow from, at the places `grown`.
    """
    mine = examined.labels[grown] == number
    having, lacking = np.flatnonzero(mine & has[grown]), np.flatnonzero(mine & ~has[grown])
    if min(len(having), len(lacking)) < LEAST:
        return None, None
    lacking = np.random.default_rng((examined.seed, 12, number)).permutation(lacking)[:RANKED]
    surest = lacking[surest_first(examined, grown[lacking], number)]
    ours, others = surest[: len(surest) // 2], surest[len(surest) // 2 :]
    pictures = examined.pictures((examined.labels != number) & (examined.predictions != number) & ~has, ASKED)

    def moved(shift: Shift) -> float:
        try:
            return float((shift.predictions_of(pictures, as_it_is) == number).mean())
        except InputError:
            # Scores are not finite after it.
            return 0.0

    if not pictures:
        return None, None
    places = range(len(layers.layers))
    shifts = [layers.shift(place, numbers[having], numbers[lacking]) for place in places]
    gains = [moved(shift) for shift in shifts]
    best = sorted(places, key=lambda place: -gains[place])[:MOST_BESIDE]
    besides = {
        place: layers.shift(place, numbers[ours], numbers[others]).as_long_as(shifts[place]) for place in best
    }
    chosen = max(best, key=lambda place: gains[place] - moved(besides[place]))
    return shifts[chosen], besides[chosen]
