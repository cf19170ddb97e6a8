"""What the package page needs: links to the project's home, and the README with absolute addresses.

`home`, under `[tool.hatch.metadata.hooks.custom]` in pyproject.toml, is the one place that knows the home. While it
is empty, the package has no links and the README stays as it is.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# Where a Markdown link or image leads, if that is relative to the README: no scheme, slash or hash in front.
_RELATIVE = re.compile(r"\]\((?![a-z]+:|[/#])([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.M | re.S)
_PICTURES = (".png", ".svg", ".jpg", ".gif", ".webp")


class PackagePage(MetadataHookInterface):
    """Adds `readme` and `urls` to the package's metadata."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in both fields from pyproject.toml and README.md."""
        root = Path(self.root)
        home = self.config.get("home", "").rstrip("/")
        text = (root / "README.md").read_text(encoding="utf-8")
        if home:
            text = with_absolute_links(text, home)
            metadata["urls"] = links(home)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_absolute_links(text: str, home: str, branch: str = "main") -> str:
    """Return Markdown whose relative links and images lead to the project's home.

    >>> with_absolute_links("![a map](docs/a.png) and [how](docs/b.md#c), [far](https://x.org)", "https://h.org/o/n")
    '![a map](https://h.org/o/n/raw/main/docs/a.png) and [how](https://h.org/o/n/blob/main/docs/b.md#c), [far](https://x.org)'
    """

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link[1].endswith(_PICTURES) else "blob"
        return f"]({home}/{kind}/{branch}/{link[1]})"

    prose_and_code = _FENCED.split(text)
    prose_and_code[::2] = [_RELATIVE.sub(absolute, prose) for prose in prose_and_code[::2]]
    return "".join(prose_and_code)


def links(home: str) -> dict[str, str]:
    """Return the links of the package page.

    >>> links("https://h.org/o/n")["Issues"]
    'https://h.org/o/n/issues'
    """
    return {
        "Homepage": home,
        "Documentation": f"{home}/tree/main/docs",
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Issues": f"{home}/issues",
        "Source": home,
    }
