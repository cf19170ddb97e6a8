"""How a run's evaluations are written: what was cut, and each measure with its interval."""

from collections.abc import Iterable, Mapping
from typing import Any

from nearsight.settings.metric_words import ACCURACY, ECE, ESTIMATES, OF_SOME, TOP5
from nearsight.settings.pooled import Pooling
from nearsight.settings.protocols import TOP_K, WHOLE
from nearsight.statistics import Estimate
from nearsight.statistics.writing import MISSING, points, with_interval


def how_cut(settings: Mapping[str, Any], protocol: str | None = None) -> str:
    """Say how images were cut into tiles for an evaluation, from its settings, or for one of its protocols.

    >>> how_cut({"tile": 16, "stride": 4, "grid": "covering"}), how_cut({"data": "digits"})
    ('tile 16, stride 4, covering grid', 'whole images')
    >>> how_cut({"tile": 16, "stride": 4, "grid": "covering"}, "full-pass")
    'whole images'
    >>> how_cut({"tile": 16, "stride": 4, "grid": "covering", "top_k": 0.1}, "top-k")
    'tile 16, stride 4, covering grid, top-k of 10 % of the tiles'
    """
    if "tile" not in settings or protocol in WHOLE:
        return "whole images"
    said = f"tile {settings['tile']}, stride {settings.get('stride')}, {settings.get('grid')} grid"
    if "top_k" in settings and protocol in (None, TOP_K):
        said += f", {TOP_K} of {Pooling(top_k=settings['top_k']).words}"
    return said


def written_accuracy(measured: Mapping[str, Any]) -> str:
    """Write the accuracy of one protocol, as an evaluation measured it, in per cent with its interval.

    >>> written_accuracy({"accuracy": 0.9123, "interval": (0.905, 0.92)})
    '91.2 (90.5 to 92.0)'
    """
    low, high = measured["interval"]
    return with_interval(Estimate(measured["accuracy"], low, high))


def measure_headings(protocols: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the headings of a table of measures, those of `written_measures`, in per cent.

    >>> measure_headings([{"accuracy": 0.9}])[:3]
    ('accuracy % (95 %)', 'balanced accuracy %', 'F1 %')
    """
    named = [f"{ESTIMATES[name]} %" for name in shown_estimates(protocols)]
    return ("accuracy % (95 %)", *named, "top-5 %", "calibration error %")


def written_measures(measured: Mapping[str, Any], protocols: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Write the measures of one of an evaluation's protocols, in the order of `measure_headings`, in per cent.

    >>> row = {"accuracy": 0.9123, "interval": (0.905, 0.92), "top5": None, "ece": 0.031}
    >>> written_measures(row, [row])
    ('91.2 (90.5 to 92.0)', '–', '–', '–', '–', '–', '3.1')

    What was not measured, for example by an older version, is a dash.
    """
    return (
        written_accuracy(measured),
        *(with_interval(estimate_of(measured, name)) for name in shown_estimates(protocols)),
        *(MISSING if measured.get(name) is None else points(measured[name]) for name in (TOP5, ECE)),
    )


def smoothing_note(smoothing: float, measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say in a sentence what label smoothing does to the calibration error; nothing if labels were not smoothed.

    >>> smoothing_note(0.2, {"vote": {"per_class": [{}] * 10}})
    ['calibration error: labels were smoothed by 0.2, so the network learns to be at most 82 % sure; if it is right \
more often than it says, this explains up to 18 points of that']

    `measured` are the protocols of an evaluation. The target of the right class of K is 1 − s + s/K (Szegedy et al.
    2016, arXiv 1512.00567); what is missing to 1 is how far a network that is always right falls short by it.
    """
    classes = max((len(found.get("per_class", ())) for found in measured.values()), default=0)
    if not smoothing or not classes:
        return []
    lost = smoothing - smoothing / classes
    surest, explained = (points(share).removesuffix(".0") for share in (1 - lost, lost))
    return [
        f"calibration error: labels were smoothed by {smoothing:g}, so the network learns to be at most {surest} % "
        f"sure; if it is right more often than it says, this explains up to {explained} points of that"
    ]


def estimate_of(measured: Mapping[str, Any], name: str) -> Estimate:
    """Return a measure with its interval, of a protocol or of a class, as result.json holds it.

    >>> estimate_of({"n": 8, "accuracy": 0.5, "interval": (0.25, 0.75)}, "accuracy").numbers
    (0.5, 0.25, 0.75)
    """
    if name == ACCURACY:
        low, high = measured["interval"] or (None, None)
        return Estimate(measured[ACCURACY], low, high, measured["n"])
    held = measured.get(name)
    return Estimate(None, None, None) if held is None else Estimate(**held)


def shown_estimates(protocols: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the measures with an interval that tables show beside the accuracy.

    >>> "restricted_accuracy" in shown_estimates([{"restricted_accuracy": None}])
    False

    The accuracy among the set's classes is one of them if the model knows more classes, and so is the worst group
    if a column was named.
    """
    there = {name for measured in protocols for name in OF_SOME if measured.get(name)}
    return [name for name in ESTIMATES if name not in OF_SOME or name in there]
