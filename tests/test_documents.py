"""The documents: every link leads somewhere, every page is in the contents, every command in them has its options."""

import re
import shlex
from argparse import Namespace
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import nearsight
from nearsight.cli.main import COMMANDS
from nearsight.cli.options import OneLineParser, recipe_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "results" not in path.relative_to(DOCS).parts]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


@cache
def tokens(document: Path) -> list[Token]:
    """A document's tokens, those inside paragraphs among them."""
    parsed = MarkdownIt("commonmark").enable("table").parse(document.read_text(encoding="utf-8"))
    return [token for outer in parsed for token in (outer, *(outer.children or ()))]


@cache
def anchors(document: Path) -> set[str]:
    """What the headings of a document are linked by."""
    found: dict[str, int] = {}
    parsed = tokens(document)
    for opening, inline in pairwise(parsed):
        if opening.type == "heading_open":
            text = "".join(token.content for token in inline.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found[slug] = found.get(slug, 0) + 1
    return {
        slug if count == 0 else f"{slug}-{count}" for slug, total in found.items() for count in range(total)
    }


def links(document: Path) -> Iterator[str]:
    """Where the links and pictures of a document lead."""
    for token in tokens(document):
        if target := token.attrs.get("href") or token.attrs.get("src"):
            yield str(target)


def commands(document: Path) -> Iterator[list[str]]:
    """Every command of ours in a document's blocks of code, split as a shell does."""
    for token in tokens(document):
        if token.type == "code_block" or (
            token.type == "fence" and token.info in ("", "sh", "bash", "console")
        ):
            for line in token.content.replace("\\\n", " ").splitlines():
                words = (
                    shlex.split(line.removeprefix("$ ").partition("#")[0].strip())
                    if "nearsight " in line
                    else []
                )
                while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                    del words[0]
                if words[:3] == ["python", "-m", "nearsight"]:
                    words = words[2:]
                if words[:1] == ["nearsight"] and words[1:2] != ["COMMAND"]:
                    yield words[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(document: Path) -> None:
    for target in links(document):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        assert place.exists(), f"{target}: no such file"
        assert place.is_relative_to(ROOT), f"{target}: outside the project"
        if document.is_relative_to(DOCS) and place.suffix == ".md":
            assert place.is_relative_to(DOCS), f"{target}: no page of the site"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{target}: no such heading; there are {sorted(anchors(place))}"


def test_every_page_is_in_the_contents_once_and_nothing_else_is() -> None:
    listed = []
    for token in tokens(DOCS / "index.md"):
        if token.type == "fence" and token.info == "{toctree}":
            listed += [line for line in token.content.splitlines() if line and not line.startswith(":")]
    pages = [str(page.relative_to(DOCS).with_suffix("")) for page in (*PAGES, *DOCS.glob("*.ipynb"))]
    assert sorted([*listed, "index"]) == sorted(pages)


def test_every_public_name_has_its_entry_in_the_reference() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\.\. (?:auto\w+|data):: (\w+)$", text, re.M)) == set(nearsight.__all__)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_on_a_line_of_its_own_is_code(document: Path) -> None:
    # After a list, four spaces continue its last item.
    code = [token for token in tokens(document) if token.type in ("code_block", "fence")]
    shown = {line.strip() for token in code for line in token.content.splitlines()}
    text = document.read_text(encoding="utf-8")
    meant = re.findall(r"^ {4,}((?:python -m|nearsight|torchrun|pip) .*)$", text, re.M)
    assert [line for line in meant if line.strip() not in shown] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_that_is_shown_has_these_options(document: Path) -> None:
    for name, *arguments in commands(document):
        if name.startswith("--"):
            continue
        parser = OneLineParser(prog=f"nearsight {name}")
        COMMANDS[name].declare(parser)
        for option in ("--json", "--quiet"):
            parser.add_argument(option, action="store_true")
        options: Namespace = parser.parse_all(arguments)
        # A file, or a run to start from, is the reader's.
        given = name in ("train", "compare") and options.weights_of is None
        if given and Path(options.recipe).suffix != ".toml":
            recipe_of(options)
