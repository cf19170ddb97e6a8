"""What long work reports: one channel for lines, warnings and counts."""

from nearsight.progress.channel import QUARTER_HOUR, SAID_SECONDS, SILENT, Progress, Silent
from nearsight.progress.stopwatch import Stopwatch
from nearsight.progress.watching import duration, is_first_process, progress_here, watched, worded
from nearsight.progress.whole import Whole, as_a_whole

__all__ = [
    "QUARTER_HOUR",
    "SAID_SECONDS",
    "SILENT",
    "Progress",
    "Silent",
    "Stopwatch",
    "Whole",
    "as_a_whole",
    "duration",
    "is_first_process",
    "progress_here",
    "watched",
    "worded",
]
