"""What repeats from image to image: overlays, frames, stamps and watermarks, with their edits."""

from nearsight.diagnosis.repeats.finding import Repeat, describe_repeats, find_fixed_patterns

__all__ = ["Repeat", "describe_repeats", "find_fixed_patterns"]
