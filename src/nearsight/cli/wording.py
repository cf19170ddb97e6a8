"""Messages in the words of the command line: parameters, as written in Python, become options."""

import ast
import re
import shlex
from argparse import Action, BooleanOptionalAction
from collections.abc import Iterable

# `out`, `tile=32`; and, without backticks, what nobody would take for English: tile=32, batch_size.
_PARAMETER = re.compile(
    r"`(?P<marked>[a-z_]+)(?:=(?P<given>[^`]*))?`"
    r"|(?<![\w:=,./\-'\"`])(?:(?P<assigned>[a-z_]+)=(?P<value>[\w.]+)|(?P<bare>[a-z]+_[a-z_]+)(?![\w.=(/'\"`]))"
)


def in_options(text: str, actions: Iterable[Action]) -> str:
    """Write a message's parameters as the options that a command has for them, and leave the others as they are.

    >>> from argparse import ArgumentParser
    >>> parser = ArgumentParser()
    >>> actions = [parser.add_argument("data", metavar="DATA"), parser.add_argument("--tiles")]
    >>> actions.append(parser.add_argument("--skip-bad", action="store_true"))
    >>> in_options("leave them out with `skip_bad=True`, or give `tiles=[8, None]` or `classes`", actions)
    'leave them out with --skip-bad, or give --tiles 8,full or `classes`'
    """
    known = {action.dest: action for action in actions}

    def write(match: re.Match[str]) -> str:
        name = match["marked"] or match["assigned"] or match["bare"]
        value = match["given"] if match["marked"] else match["value"]
        return _option(known[name], value) if name in known else match[0]

    return _PARAMETER.sub(write, text)


def _option(action: Action, value: str | None) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest).upper()
    option = action.option_strings[0]
    if value is None:
        return option
    if action.nargs == 0:
        negated = isinstance(action, BooleanOptionalAction) and value == "False"
        return action.option_strings[-1] if negated else option
    return f"{option} {_written(value)}"


def _written(value: str) -> str:
    """Write a value as on the command line.

    >>> _written("[8, 16, None]"), _written("'auto'"), _written("0.1"), _written("N")
    ('8,16,full', 'auto', '0.1', 'N')
    >>> _written("'^([a-z]+)'")
    "'^([a-z]+)'"
    """
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    parts = read if isinstance(read, list | tuple) else [read]
    return shlex.quote(",".join("full" if part is None else str(part) for part in parts))
