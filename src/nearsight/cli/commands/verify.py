"""The command `nearsight verify`."""

import json
from argparse import Namespace

from nearsight.cli.options import OneLineParser, Result
from nearsight.errors import InputError


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight verify`."""
    parser.add_argument(
        "directory", metavar="DIR", help="a directory written by any command, or one that contains several"
    )


def run(options: Namespace) -> Result:
    """Check every file that is read back, print what is not whole, and refuse a directory that has damage."""
    from nearsight import verbs
    from nearsight.cli.printing import print_lines, print_table

    found = verbs.verify(options.directory, progress=not options.quiet)
    rows = [(one.file, one.state, one.why) for one in found.files if one.state != "whole"]
    if not options.json:
        if rows:
            print_table(str(found.directory), ("file", "state", "why"), rows)
        print_lines(found.sentences())
    if found.damaged:
        if options.json:
            print(json.dumps(found.to_json()), flush=True)
        first = found.damaged[0]
        raise InputError(
            f"{len(found.damaged):,} of {len(found.files):,} files in {found.directory} are damaged or missing, "
            f"such as {first.file}; restore copies of them, or make them again"
        )
    return found.to_json()
