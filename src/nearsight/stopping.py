"""What ends work when the process is asked to stop."""

import signal


class Stopped(KeyboardInterrupt):
    """The process was asked to stop by a signal; `number` is the signal's.

    >>> Stopped("interrupted", signal.SIGTERM).number
    <Signals.SIGTERM: 15>

    It is a `KeyboardInterrupt`, so that whoever tidies up after Ctrl-C does so after every such signal.
    """

    def __init__(self, text: str = "", number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.number = number

    def __str__(self) -> str:
        """Return what was said, which may since have been put in other words."""
        return str(self.args[0]) if self.args else ""
