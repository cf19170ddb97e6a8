"""How a run's evaluations are written: what was cut, and each accuracy with its interval."""

from collections.abc import Mapping
from typing import Any

from nearsight.settings.protocols import WHOLE
from nearsight.statistics import Estimate
from nearsight.statistics.writing import with_interval


def how_cut(settings: Mapping[str, Any], protocol: str | None = None) -> str:
    """Say how images were cut into tiles for an evaluation, from its settings, or for one of its protocols.

    >>> how_cut({"tile": 16, "stride": 4, "grid": "covering"}), how_cut({"data": "digits"})
    ('tile 16, stride 4, covering grid', 'whole images')
    >>> how_cut({"tile": 16, "stride": 4, "grid": "covering"}, "full-pass")
    'whole images'
    """
    if "tile" not in settings or protocol in WHOLE:
        return "whole images"
    return f"tile {settings['tile']}, stride {settings['stride']}, {settings['grid']} grid"


def written_accuracy(measured: Mapping[str, Any]) -> str:
    """Write the accuracy of one protocol, as an evaluation measured it, in per cent with its interval.

    >>> written_accuracy({"accuracy": 0.9123, "interval": (0.905, 0.92)})
    '91.2 (90.5 to 92.0)'
    """
    low, high = measured["interval"]
    return with_interval(Estimate(measured["accuracy"], low, high))
