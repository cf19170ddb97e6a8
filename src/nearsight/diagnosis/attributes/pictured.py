"""Whether an attribute may be what images picture: then they also stand apart in what it leaves alone."""

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.forests import told_apart
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, EDITED, NAMES
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Candidate, EditOf, Examined
from nearsight.statistics import area_under_curve

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

_FILES = ("blocks", "block edges", "moved blocks", "few values", "missing values", "pixelation", "specks")
_LINES = ("lines across", "lines down")
_FRINGES = ("colour fringes across", "colour fringes down")
_CASTS = ("cast", "warm everywhere", "cold everywhere", "green everywhere", "purple everywhere")
_WARM = ("warm edges", "warm", "warm shadows", "warm lights")
_GREEN = ("green edges", "green", "green shadows", "green lights")
_SATURATION = ("colour variety", "saturation", "strongest colour")
_CHANNELS = ("lowest of a channel", "highest of a channel", "missing values")
_LIGHT = ("dark corners", "light corners", "light from the left", "light from above", "blown out", "drowned")
_LEVELS = ("brightness", "contrast", "midtones", "darkest", "lightest", "lowest", "highest", "few values")
_NOISE = ("noise", "colour noise", "equal neighbours")
_FINE = ("fine detail", "sharpness", "upright detail", "pattern")
# What no object has, where it is measured: it comes from files, cameras and programs, whatever pictures show.
TRACES = frozenset((*_FILES, *_LINES, *_FRINGES))
COLOUR = frozenset((*_CASTS, *_WARM, *_GREEN, *_SATURATION, *_CHANNELS, *_FRINGES, "colour noise"))
TONE = frozenset((*_LIGHT, *_LEVELS, *_CHANNELS, "light spot"))
DETAIL = frozenset((*_NOISE, *_FINE, *_FILES, *_LINES, *_FRINGES, "thin lines"))
# Measures of one kind change together, by whatever causes it. Tones scale colours and noise, but not the ratios of
# details and of edges. What edits alone find is no measure: what it changes is only seen by making it.
CHANGE = {
    EDITED: frozenset(),
    COLOUR: COLOUR,
    TONE: TONE | (COLOUR - {"cast", "warm edges", "green edges"}) | {*_NOISE, "specks"},
    DETAIL: DETAIL,
}
# An edit leaves alone what it changes by less than this share of its spread, up or down, on the average of pictures.
LITTLE, PICTURES = 0.25, 16
# Images that are compared: at least so many of each side, and at most so many of the others.
FEWEST, MOST = 8, 300
# Images of each side that are measured for a learned edit, at most.
COMPARED = 64
# Images stand apart from this area under the ROC curve on: from others of their class, which are more like them, and
# from those of other classes.
FROM_OWN, FROM_OTHERS = 0.9, 0.95
# So they do if they hardly resemble any others, and their own class's less than chance allows.
FAIRLY_FROM_OWN, HARDLY_LIKE_OTHERS = 0.75, 0.97
# From this area on, the class's images without it already have more of it than other classes.
TAIL = 0.9
# From this area on, its own measure tells the images that have it from others.
TOLD = 0.8


def pictured(examined: Examined, values: Values, candidate: Candidate) -> bool:
    """Say whether an attribute of whole images may be what the images of a class that have it picture.

    An edit changes what it changes, and nothing else. So images that only were edited differ from others of their
    class in these measures alone, and those of another subject in many. `values` are what `measure_all` found for
    all examined images. Left alone are the measures that do not change with its kind (`CHANGE`) and that `put_on`
    changes little. A forest is grown on these to tell the images that have the attribute from the class's others,
    or from those of other classes if nearly all of the class have it; each image is judged by the trees that did
    not grow from it. It may be pictured as well if the class's others already have more of it than other classes:
    then they are only the farthest of a class that is so. False for what nothing pictured has (`TRACES`), if its
    measure tells these images apart: to a network, rain may be as fine lines are. False as well for what is of no
    kind, and with too few images to compare.
    """
    changing = [changing for kind, changing in CHANGE.items() if candidate.attribute in kind]
    if not changing:
        return False
    choosing = examined.choosing & ~np.isnan(values).any(1) & ~np.isnan(candidate.value)
    mine, has = examined.labels == candidate.class_number, candidate.has
    group, own, others = choosing & mine & has, choosing & mine & ~has, choosing & ~mine & ~has
    if min(group.sum(), others.sum()) < FEWEST:
        return False
    few = own.sum() < FEWEST
    if candidate.attribute in TRACES:
        column = NAMES.index(candidate.attribute)
        told = area_under_curve(values[group, column], values[others if few else own, column])
        if (max(told, 1 - told) if ATTRIBUTES[column].little else told) >= TOLD:
            return False
    alone = np.array([not any(name in some for some in changing) for name in NAMES])
    if candidate.added is not None:
        alone &= _hardly_changed(examined, values, others, candidate.added)
    if not few and area_under_curve(candidate.value[own], candidate.value[others]) >= TAIL:
        return True

    def apart(beside: Mask) -> float:
        drawn = np.random.default_rng((examined.seed, 7)).permutation(np.flatnonzero(beside))[:MOST]
        return told_apart(values[group][:, alone], values[drawn][:, alone], examined.seed)

    if few:
        return apart(others) >= FROM_OTHERS
    from_own = apart(own)
    if from_own < FAIRLY_FROM_OWN or from_own >= FROM_OWN:
        return from_own >= FROM_OWN
    return apart(others) >= HARDLY_LIKE_OTHERS


def apart_otherwise(examined: Examined, candidate: Candidate) -> bool:
    """Say whether the images that have a candidate also stand apart from their class in what its edit leaves alone.

    Then they may be of another subject, whose detail the edit adds to others. At most `COMPARED` images of each side
    are measured, all of them images that choose. False with fewer than eight on either side.
    """
    mine, has = examined.labels == candidate.class_number, candidate.has
    known = examined.choosing & ~np.isnan(candidate.value)
    random = np.random.default_rng((examined.seed, 9))
    values = np.full((len(has), len(NAMES)), np.nan, dtype=np.float32)
    for side in (known & mine & has, known & mine & ~has, known & ~mine & ~has):
        places = random.permutation(np.flatnonzero(side))[:COMPARED]
        values[places] = measure_all(map(examined.images.image, places.tolist()))
    measured = ~np.isnan(values).any(1)
    group, own, others = (measured & side for side in (mine & has, mine & ~has, ~mine))
    if min(group.sum(), own.sum()) < FEWEST or candidate.added is None:
        return False
    alone = _hardly_changed(examined, values, others, candidate.added)
    return told_apart(values[group][:, alone], values[own][:, alone], examined.seed) >= FROM_OWN


def _hardly_changed(examined: Examined, values: Values, free: Mask, put_on: EditOf) -> Mask:
    places = np.random.default_rng((examined.seed, 8)).permutation(np.flatnonzero(free))[:PICTURES]
    if not len(places):
        return np.ones(len(NAMES), dtype=np.bool_)
    low, high = np.nanpercentile(values[examined.choosing], (16, 84), axis=0)
    changed = measure_all(put_on(examined.images.image(int(i)), int(i)) for i in places) - values[places]
    return np.asarray(np.abs(changed).mean(0) < LITTLE * np.maximum((high - low) / 2, 1e-3))
