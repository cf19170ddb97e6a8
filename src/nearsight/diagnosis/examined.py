"""The table of the examined images: where each is in its split, and its file."""

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.table import Column, Table

EXAMINED: Table[Findings] = Table(
    "examined",
    lambda about: zip(about.places, about.paths, strict=True),
    (
        Column("place", "int64", lambda image, _: image[0]),
        Column("path", "string", lambda image, _: image[1]),
    ),
)
