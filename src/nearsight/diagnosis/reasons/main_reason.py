"""The verdict on a class's main reason: whether it is background."""

from nearsight.diagnosis.reasons.atlas import ClassReasons


def off_object(reasons: ClassReasons) -> bool | None:
    """Say whether a class's main reason is background: its tiles lie on the object less than tiles do at large.

    The whole interval must lie below chance; True or False, None where no region is known.
    """
    covered = reasons.main.on_object if reasons.main else None
    if covered is None or covered.chance is None or covered.value is None:
        return None
    return (covered.value if covered.high is None else covered.high) < covered.chance
