"""Where the process begins and ends: signals and streams are set up before anything else is imported."""

import atexit
import signal
import sys
from typing import Any

from nearsight.cli.environment import settle_environment
from nearsight.cli.signals import ENDED_BY, Signals, end_undisturbed, end_without_teardown
from nearsight.cli.streams import settle_streams
from nearsight.cli.warned import warn_in_one_line

# PyTorch raises this about a process that has ended, even while it ends them all itself.
LOST = "DataLoader worker"


def entry() -> None:
    """Run the command of this process and end it with the command's exit code."""
    settle_streams()
    settle_environment()
    warn_in_one_line()
    signals = Signals()

    def unraisable(what: Any) -> None:
        # The request to end may come where nothing can be raised, for example while an object is destroyed.
        if isinstance(what.exc_value, KeyboardInterrupt):
            signals.ask_again(getattr(what.exc_value, "number", signal.SIGINT))
        elif not str(what.exc_value).startswith(LOST):
            sys.__unraisablehook__(what)

    sys.unraisablehook = unraisable
    code = 0
    # The first to be registered is the last to run.
    atexit.register(lambda: end_without_teardown(code))
    try:
        with signals:
            from nearsight.cli.boundary import bounded

            code = bounded(_main, sys.argv[1:])
    except KeyboardInterrupt as error:
        # One that came before the boundary, or while it was left.
        code = ENDED_BY + getattr(error, "number", signal.SIGINT)
    finally:
        end_undisturbed()
    sys.exit(code)


def _main() -> int:
    # Inside the boundary, because an installation may lack what the commands import.
    from nearsight.cli.main import main

    return main()
