"""Regular expressions whose first group is a name, as users give them."""

import re

from nearsight.errors import InputError


def with_a_group(pattern: str, parameter: str, lacking: str) -> re.Pattern[str]:
    """Compile a regular expression that has a group.

    >>> with_a_group("^(.*)_", "group_pattern", "has no group")
    re.compile('^(.*)_')

    Raises `InputError`, naming `parameter`, for what is not a regular expression, and if there is no group, which
    `lacking` says in words.
    """
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise InputError(f"`{parameter}` is no regular expression: {error}, got '{pattern}'") from None
    if not found.groups:
        raise InputError(f"`{parameter}` {lacking}, got '{pattern}'")
    return found
