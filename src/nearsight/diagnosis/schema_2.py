"""Reading a diagnosis of the second schema, which kept what every part found in fields of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nearsight.diagnosis.locality.part import NO_FULL_PASS
from nearsight.diagnosis.reliance.part import NO_REGION
from nearsight.errors import InputError
from nearsight.settings.protocols import FULL_PASS, MEAN_LOGIT

# Why a part that could say nothing had no entry; of the other parts there always was one, or they were left out.
ABSENT = {"reliance": NO_REGION, "locality": NO_FULL_PASS}


def in_parts(rows: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Return what a rows.json of the second schema holds as today's holds it: its parts by name.

    Raises `InputError`, naming `source`, where a part is missing.
    """
    about = dict(rows)
    try:
        accuracies, sizes = about.pop("accuracies"), about.pop("locality")["sizes"]
        found = {
            "protocols": {"rows": accuracies},
            "reliance": about.pop("reliance"),
            "reasons": about.pop("atlas"),
            "errors": about.pop("errors"),
            "labels": {name: about.pop(name) for name in ("suspects", "duplicates")},
            "locality": {"sizes": sizes} if sizes else None,
            "faithfulness": about.pop("faithfulness"),
        }
        decision = decided_by(about["trained_tile"], [row["protocol"] for row in accuracies])
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{source} does not hold a whole diagnosis ({type(error).__name__}: {error}); "
            "run `nearsight diagnose` again"
        ) from error
    return about | {
        "decision": decision,
        "parts": {name: part for name, part in found.items() if part is not None},
        "absent": {name: why for name, why in ABSENT.items() if found[name] is None},
    }


def decided_by(trained_tile: int | None, protocols: Sequence[str]) -> str:
    """Return the protocol by which a classifier is meant to predict, from what older files tell.

    >>> decided_by(None, ["full-pass", "mean-logit"]), decided_by(16, ["full-pass", "mean-logit"])
    ('full-pass', 'mean-logit')
    """
    return FULL_PASS if trained_tile is None and FULL_PASS in protocols else MEAN_LOGIT
