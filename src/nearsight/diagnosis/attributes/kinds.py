"""The measured attributes of whole images, and what people call much and little of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attribute:
    """One number about a picture.

    `much` and `little` are the words for an image that has more, or less, of it than others; None if that
    direction is not searched for. `artefact` says that it comes from how pictures are taken or stored, not from
    what they show; `pictured` says that it comes from what they show. For all others, such as brightness, it may
    be either. `one_cause` says that hardly anything else looks like it.
    """

    name: str
    much: str | None
    little: str | None
    artefact: bool = False
    pictured: bool = False
    one_cause: bool = False


# From those with one cause to those with many: if the same images have two, the first describes them best.
ATTRIBUTES = (
    Attribute("blocks", "compressed: 8-pixel blocks", None, artefact=True, one_cause=True),
    Attribute("few values", "few distinct values", None, artefact=True, one_cause=True),
    Attribute("pixelation", "pixelated", None, artefact=True, one_cause=True),
    Attribute("specks", "single wrong pixels", None, artefact=True, one_cause=True),
    Attribute("lines across", "fine horizontal lines", None, artefact=True, one_cause=True),
    Attribute("lines down", "fine vertical lines", None, artefact=True, one_cause=True),
    Attribute("pattern", "a repeating pattern", None, artefact=True),
    Attribute(
        "colour fringes across",
        "colours moved to the right",
        "colours moved to the left",
        artefact=True,
        one_cause=True,
    ),
    Attribute("colour fringes down", "colours moved down", "colours moved up", artefact=True, one_cause=True),
    Attribute("colour noise", "noisy colours", None, artefact=True),
    Attribute("noise", "noisy", None, artefact=True),
    Attribute("colour variety", "many hues", "greyscale or of one hue"),
    Attribute("fine detail", "strong fine detail", "blurred or enlarged: no fine detail", artefact=True),
    Attribute("sharpness", "sharpened", "blurred", artefact=True),
    Attribute("warm edges", "reddish cast", "bluish cast", artefact=True),
    Attribute("green edges", "greenish cast", "purplish cast", artefact=True),
    Attribute("dark corners", "dark corners", None, artefact=True),
    Attribute("light corners", "light corners", None, artefact=True),
    Attribute("moved blocks", "cut after compression: 8-pixel blocks", None, artefact=True),
    Attribute("block edges", "compressed: edges of 8-pixel blocks", None, artefact=True),
    Attribute("blown out", "overexposed", None),
    Attribute("drowned", "underexposed", None),
    Attribute("brightness", "bright", "dark"),
    Attribute("contrast", "strong contrast", "weak contrast"),
    Attribute("darkest", "hazy: nothing dark", "black shadows"),
    Attribute("lightest", "white lights", "dim: nothing light"),
    Attribute("midtones", "light midtones", "dark midtones"),
    Attribute("light from the left", "lighter on the left", "lighter on the right"),
    Attribute("light from above", "lighter above", "lighter below"),
    Attribute("warm", "reddish or yellow colours", "bluish colours", pictured=True),
    Attribute("green", "greenish colours", "purplish colours", pictured=True),
    Attribute("warm shadows", "reddish shadows", "bluish shadows", pictured=True),
    Attribute("green shadows", "greenish shadows", "purplish shadows", pictured=True),
    Attribute("warm lights", "reddish or yellow lights", "bluish lights", pictured=True),
    Attribute("green lights", "greenish lights", "purplish lights", pictured=True),
    Attribute("saturation", "strong colours", "pale or grey: little colour"),
    Attribute("warm everywhere", "reddish cast: no pixel without it", None),
    Attribute("cold everywhere", "bluish cast: no pixel without it", None),
    Attribute("green everywhere", "greenish cast: no pixel without it", None),
    Attribute("purple everywhere", "purplish cast: no pixel without it", None),
    Attribute("strongest colour", None, "pale or grey: no strong colour"),
    Attribute("upright detail", "blurred up and down", "blurred from left to right", artefact=True),
    Attribute("equal neighbours", "patches of one colour", None, artefact=True),
    # Measured, but not searched for alone.
    Attribute("lowest", None, None),
    Attribute("lowest of a channel", None, None),
    Attribute("highest", None, None),
    Attribute("highest of a channel", None, None),
    Attribute("missing values", "stretched tones: values that never occur", None, artefact=True),
)
NAMES = tuple(attribute.name for attribute in ATTRIBUTES)

# Kinds that are no measures: edits alone find them. The first is what only the surroundings of a picture's middle
# have.
SURROUNDINGS = "surroundings"
CHANNELS, TONES = "colour channels", "tones"
UNEVEN_LIGHT, UNEVEN_CAST = "uneven light", "uneven cast"
PARTLY_BLURRED, GEOMETRY, LAID_OVER = "blurred in part", "geometry", "laid over"
REDRAWN, MATERIAL = "redrawn", "material"
# What pictures may show by themselves: light and colours that differ from place to place, as above a horizon and in
# backgrounds, or between channels, lines, as of rain and cracks, and materials, as cloth, bricks and fences.
SHOWN = frozenset(
    {
        SURROUNDINGS,
        UNEVEN_LIGHT,
        UNEVEN_CAST,
        CHANNELS,
        TONES,
        MATERIAL,
        "lines across",
        "lines down",
        "thin lines",
    }
)
EDITED = frozenset(
    {
        SURROUNDINGS,
        CHANNELS,
        TONES,
        UNEVEN_LIGHT,
        UNEVEN_CAST,
        PARTLY_BLURRED,
        GEOMETRY,
        LAID_OVER,
        REDRAWN,
        MATERIAL,
        "moved copy",
    }
)
