"""The command `nearsight data`."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from nearsight.cli.options import OneLineParser, Result, whole_number
from nearsight.cli.reading_options import add_reading_options, read_alike, reading_options
from nearsight.cli.shared_options import DATA
from nearsight.errors import listed
from nearsight.numbers import counted
from nearsight.settings.choices import DEFAULT_VALIDATION
from nearsight.settings.sheets import require_sheet


def declare(parser: OneLineParser) -> None:
    """Declare the options of `nearsight data`."""
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help=f"{DATA}; without it, the known names are listed"
    )
    parser.add_argument(
        "--validation",
        type=float,
        default=DEFAULT_VALIDATION,
        metavar="X",
        help="share of train held out for validation if the set has no such split "
        f"(default: {DEFAULT_VALIDATION})",
    )
    parser.add_argument(
        "--seed",
        type=whole_number("--seed", 0),
        default=0,
        metavar="N",
        help="fixes the validation split (default: 0)",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        default=None,
        metavar="FILE",
        help="draw some images of each class and split, as PNG, PDF or SVG",
    )
    add_reading_options(parser)


def run(options: Namespace) -> Result:
    """Print what a data set holds, or the names that are known."""
    from nearsight.cli.following import after_reading
    from nearsight.cli.printing import print_lines, print_table
    from nearsight.data import known_names, load, summarise

    if options.sheet is not None:
        require_sheet(options.sheet)
    if options.data is None:
        names = list(known_names())
        if not options.json:
            print_lines([*names, "", "or an image folder, a Parquet file or directory, hf:OWNER/NAME[@REV]"])
        return {"names": names}
    sets = load(
        options.data,
        validation=options.validation,
        seed=options.seed,
        progress=not options.quiet,
        **reading_options(options),
    )
    summary = summarise(sets)
    if options.sheet is not None:
        from nearsight.report.sheet import draw_sheet

        draw_sheet(sets, options.sheet)
        summary["sheet"] = str(options.sheet)
    if not options.json:
        rows = []
        for split, measured in summary["splits"].items():
            heights, widths = measured["heights"], measured["widths"]
            regions = measured["regions"]
            rows.append(
                [
                    split,
                    f"{measured['images']:,}",
                    _range(measured["class_counts"]),
                    _sizes(heights, widths),
                    str(measured["largest_tile"]),
                    "memory" if measured["in_memory"] else "streamed",
                    f"{regions['known']:,} {regions['kind']}" if regions["kind"] else "none",
                ]
            )
        columns = ["split", "images", "per class", "height×width", "largest tile", "held", "regions"]
        classes = summary["classes"]
        print_table(f"{summary['name']}: {counted(len(classes), 'class', 'classes')}", columns, rows)
        print_lines(
            [
                f"classes: {listed(classes, 20)}",
                f"largest tile that fits every image: {summary['largest_tile']}",
                *_columns(summary["splits"]),
                *([f"sheet: {summary['sheet']}"] if options.sheet is not None else []),
                *(f"note: {note}" for note in summary["notes"]),
                after_reading(str(options.data), read_alike(options)),
            ]
        )
    return summary


def _columns(splits: dict[str, dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for measured in splits.values() for name in measured["columns"])
    return [f"other columns: {', '.join(names)}"] if names else []


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sizes(heights: dict[str, int], widths: dict[str, int]) -> str:
    smallest, largest = (f"{heights[key]}×{widths[key]}" for key in ("smallest", "largest"))
    return smallest if smallest == largest else f"{smallest} to {largest}"
