"""What long work reports: one channel for lines, warnings and counts."""

from nearsight.progress.channel import SILENT, Progress, Silent
from nearsight.progress.watching import duration, is_first_process, progress_here, watched, worded

__all__ = [
    "SILENT",
    "Progress",
    "Silent",
    "duration",
    "is_first_process",
    "progress_here",
    "watched",
    "worded",
]
