"""What networks of whole images say about tiles, as a section of the comparison's Markdown."""

from collections.abc import Sequence

from nearsight.report.markdown_rows import markdown_table
from nearsight.statistics import Estimate
from nearsight.statistics.writing import MISSING, number, points, with_interval
from nearsight.study import Comparison
from nearsight.study.on_tiles import ArmOnTiles, SizeOnTiles, ViewOnTiles

TITLE = "Networks trained on whole images, asked about tiles"
COLUMNS = (
    "tile",
    "shown",
    "right, mean-logit",
    "lost",
    "more than alone",
    "alike, mean-logit (chance)",
    "more than two seeds",
    "kappa",
    "right, one tile",
    "alike, one tile (chance)",
)


def on_tiles_section(comparison: Comparison, figure: str) -> list[list[str]]:
    """Return the section's paragraphs, a list of lines each; none if no arm was asked."""
    arms = comparison.on_tiles
    if not arms:
        return []
    return [
        [f"## {TITLE}"],
        [f"- {sentence[0].upper()}{sentence[1:]}." for arm in arms for sentence in arm.sentences()],
        [f"![Accuracy and agreement against the size of tiles]({figure})"],
        [" ".join(on_tiles_method(arms))],
        *(
            part
            for arm in arms
            for part in ([f"### {arm.arm}", "", *on_tiles_table(arm)], _left_out(arm))
            if part
        ),
    ]


def on_tiles_method(arms: Sequence[ArmOnTiles]) -> list[str]:
    """Return in sentences how arms were asked, with names in backquotes."""
    first = arms[0]
    return [
        f"Of {first.images:,} test images, drawn by a fixed seed, per cent with 95 % intervals over "
        f"{first.full_pass.covers}.",
        "`alone`: the network is given the tile and nothing else. `in place`: an image of full size, the mean colour "
        "but for the tile at its place.",
        f"`+bn`: with BatchNorm re-estimated on tiles shown in that way, one of each of {first.training_images:,} "
        "training images.",
        "Alike: predicted as by the full pass of the same network. Lost: the accuracy of the full pass minus "
        "that of the tiles. More than alone: the accuracy of the tiles minus that of tiles alone. More than two "
        "seeds: how "
        "much more often tiles are alike than the full passes of two seeds.",
    ]


def on_tiles_table(arm: ArmOnTiles) -> list[str]:
    """Return the lines of the Markdown table of an arm, the full pass first."""
    between = "–" if arm.between_seeds.value is None else f"{with_interval(arm.between_seeds)} between seeds"
    whole = ["whole image", "full-pass", with_interval(arm.full_pass), "–", "–", between, *["–"] * 4]
    rows = [_row(size, row) for size in arm.sizes for row in size.views]
    return markdown_table(COLUMNS, [whole, *rows])


def _row(size: SizeOnTiles, row: ViewOnTiles) -> list[str]:
    return [
        f"{size.tile} (stride {size.stride})",
        row.view,
        with_interval(row.accuracy),
        with_interval(row.lost),
        _written(row.gained),
        f"{with_interval(row.agreement)}{_chance(row.agreement.chance)}",
        _written(row.beside_seeds),
        with_interval(row.kappa, number),
        with_interval(row.single_accuracy),
        f"{with_interval(row.single_agreement)}{_chance(row.single_agreement.chance)}",
    ]


def _written(found: Estimate | None) -> str:
    return MISSING if found is None or found.value is None else with_interval(found)


def _chance(chance: float | None) -> str:
    return "" if chance is None else f", {points(chance, 0)}"


def _left_out(arm: ArmOnTiles) -> list[str]:
    return [f"Left out of {arm.arm}: {'; '.join(arm.left_out)}."] if arm.left_out else []
