"""What is told of work that takes more than an hour is told of work that there is."""

from pathlib import Path

from nearsight.progress.shortening import _SHORTENED_BY

SOURCES = Path(__file__).parents[2] / "src" / "nearsight"


def test_all_that_can_be_shortened_is_counted_somewhere() -> None:
    texts = [file.read_text("utf-8") for file in SOURCES.rglob("*.py") if file.name != "shortening.py"]
    assert not [what for what in _SHORTENED_BY if not any(f'"{what}' in text for text in texts)]
