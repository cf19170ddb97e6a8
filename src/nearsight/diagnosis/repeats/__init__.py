"""What repeats from image to image: overlays, frames, stamps and watermarks, with their edits."""

from nearsight.diagnosis.repeats.anywhere import find_marks_anywhere
from nearsight.diagnosis.repeats.finding import find_fixed_patterns
from nearsight.diagnosis.repeats.roaming import TileAt, find_repeated_marks

__all__ = ["TileAt", "find_fixed_patterns", "find_marks_anywhere", "find_repeated_marks"]
