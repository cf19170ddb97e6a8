"""Reading a diagnosis of the second schema, which kept what every part found in fields of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nearsight.diagnosis.reliance.part import NO_REGION
from nearsight.errors import InputError
from nearsight.settings.protocols import MEAN_LOGIT

# Why a part that could find nothing had no entry; all other parts always had one, or were left out.
ABSENT = {
    "reliance": NO_REGION,
    "locality": "locality is left out: it compares tiles with the full pass",
}

# What errors and labels followed at that time, whatever the classifier was trained on.
DECISION = MEAN_LOGIT


def in_parts(rows: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """Return the content of a rows.json of the second schema in today's form: its parts by name.

    Raises `InputError`, naming `source`, if a part is missing.
    """
    about = dict(rows)
    try:
        accuracies, sizes = about.pop("accuracies"), about.pop("locality")["sizes"]
        found = {
            "protocols": {"rows": accuracies},
            "reliance": about.pop("reliance"),
            "reasons": _with_estimates(about.pop("atlas")),
            "errors": about.pop("errors"),
            "labels": {name: about.pop(name) for name in ("suspects", "duplicates")},
            "locality": {"sizes": sizes} if sizes else None,
            "faithfulness": about.pop("faithfulness"),
        }
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{source} does not hold a whole diagnosis ({type(error).__name__}: {error}); "
            "run `nearsight diagnose` again"
        ) from error
    return about | {
        "decision": DECISION,
        "parts": {name: part for name, part in found.items() if part is not None},
        "absent": {name: why for name, why in ABSENT.items() if found[name] is None},
    }


def _with_estimates(atlas: Any) -> Any:
    """Return an atlas whose shares of all evidence are estimates; at that time there were no intervals."""
    for found in atlas["classes"]:
        for reason in found["reasons"]:
            reason["total_share"] = {"value": reason["total_share"], "low": None, "high": None}
    return atlas
