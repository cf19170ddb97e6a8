"""Runs the Python of the pages that need no data but their own, in an empty directory; the tests call it."""

import os
import re
import sys
import tempfile
from pathlib import Path

PAGES = ("tutorial", "data", "models")


def main() -> None:
    """Run each page as a reader does, one block after another; a block that fails ends it with its traceback."""
    for page in PAGES:
        text = (Path(__file__).parent / f"{page}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        names: dict[str, object] = {"__name__": page}
        with tempfile.TemporaryDirectory() as empty:
            os.chdir(empty)
            for number, block in enumerate(blocks, 1):
                exec(compile(block, f"{page}.md, block {number}", "exec"), names)
            os.chdir(Path(__file__).parent)
        print(f"{page}.md: {len(blocks)} blocks ran", file=sys.stderr)


if __name__ == "__main__":
    main()
