"""What libraries read of the environment as they are imported, and would end the command for."""

import os
import re
from collections.abc import MutableMapping

# The columns and lines that a terminal may have. Python refuses to read numbers of several thousand digits.
_SIZE, _UNREADABLE = re.compile("[0-9]{1,6}"), re.compile(r"\d{1000}")


def settle_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what a command does not depend on, so that nothing odd of it can end the command.

    >>> settle_environment(odd := {"SOURCE_DATE_EPOCH": "yesterday", "MPLBACKEND": "nonsense", "TERM": "dumb"})
    >>> odd
    {'MPLBACKEND': 'agg', 'TERM': 'dumb'}

    NumPy reads a date, which no file of ours holds, and matplotlib the name of what shows its windows, of which
    there are none. A size that no terminal has is left to the terminal, and a device whose number cannot be read is
    none, as it is for CUDA.
    """
    environment.pop("SOURCE_DATE_EPOCH", None)
    environment["MPLBACKEND"] = "agg"
    for name in ("COLUMNS", "LINES"):
        if not _SIZE.fullmatch(environment.get(name, "")):
            environment.pop(name, None)
    if _UNREADABLE.search(environment.get("CUDA_VISIBLE_DEVICES", "")):
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
