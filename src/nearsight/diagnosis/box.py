"""A rectangle of pixels in a picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels: where it begins, and how large it is."""

    top: int
    left: int
    height: int
    width: int

    def within(self, size: tuple[int, int]) -> "Box":
        """Return the nearest box of the same size, or as much of it as fits, in a picture of a size.

        >>> Box(5, 0, 4, 20).within((8, 10))
        Box(top=4, left=0, height=4, width=10)
        """
        height, width = min(self.height, size[0]), min(self.width, size[1])
        return Box(
            min(max(0, self.top), size[0] - height), min(max(0, self.left), size[1] - width), height, width
        )

    def moved(self, there: tuple[int, int], here: tuple[int, int]) -> "Box":
        """Return where it is in a picture of the size `here`, relative to where it is in one of the size `there`.

        >>> Box(0, 30, 10, 10).moved((50, 50), (50, 90))
        Box(top=0, left=60, height=10, width=10)
        """
        top, left = (
            round(start * (room - side) / (way - side)) if way > side else 0
            for start, side, way, room in zip(
                (self.top, self.left), (self.height, self.width), there, here, strict=True
            )
        )
        return Box(top, left, self.height, self.width).within(here)
