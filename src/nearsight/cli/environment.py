"""What libraries read of the environment as they are imported, and would end the command for."""

import os
from collections.abc import MutableMapping


def settle_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what a command does not depend on, so that nothing odd of it can end the command.

    >>> settle_environment(odd := {"SOURCE_DATE_EPOCH": "yesterday", "MPLBACKEND": "nonsense", "TERM": "dumb"})
    >>> odd
    {'MPLBACKEND': 'agg', 'TERM': 'dumb'}

    NumPy reads a date, which no file of ours holds, and matplotlib the name of what shows its windows, of which
    there are none.
    """
    environment.pop("SOURCE_DATE_EPOCH", None)
    environment["MPLBACKEND"] = "agg"
