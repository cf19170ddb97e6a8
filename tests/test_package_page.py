"""The package page: its links and pictures lead to the project's home, which stands in one place."""

import re
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
HOME = "https://host.example/owner/name"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(hook: ModuleType, home: str) -> dict[str, Any]:
    """What the hook adds to the metadata for a home."""
    metadata: dict[str, Any] = {}
    hook.PackagePage(str(ROOT), {"home": home}).update(metadata)
    return metadata


def test_every_relative_link_of_the_readme_leads_to_a_file_of_the_project(hook: ModuleType) -> None:
    text = page(hook, HOME)["readme"]["text"]
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    assert all(target.startswith(("https://", "#")) for target in targets)
    ours = [re.fullmatch(rf"{HOME}/(?:raw|blob)/main/([^#]+)(?:#.*)?", target) for target in targets]
    assert all((ROOT / match[1]).is_file() for match in ours if match)
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text)
    assert pictures
    assert all(picture.startswith(f"{HOME}/raw/main/") for picture in pictures)


def test_without_a_home_there_are_no_links_and_the_readme_is_as_it_is(hook: ModuleType) -> None:
    found = page(hook, "")
    assert "urls" not in found
    assert found["readme"]["text"] == (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_home_stands_in_one_place(hook: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["hatch"]["metadata"]["hooks"]["custom"]) == {"home"}
    assert set(project["project"]["dynamic"]) >= {"readme", "urls"}
    assert set(page(hook, f"{HOME}/")["urls"]) == {
        "Homepage",
        "Documentation",
        "Changelog",
        "Issues",
        "Source",
    }
    assert all(
        address.startswith(HOME) and "//" not in address[8:] for address in page(hook, HOME)["urls"].values()
    )


@pytest.mark.parametrize(
    ("text", "absolute"),
    [
        ("![a](b/c.png)", f"![a]({HOME}/raw/main/b/c.png)"),
        ("[a](b.md#c)", f"[a]({HOME}/blob/main/b.md#c)"),
        ("[a](https://x.example/y)", "[a](https://x.example/y)"),
        ("[a](#c) [b](mailto:x@y.example)", "[a](#c) [b](mailto:x@y.example)"),
        ("a\n```python\nx[0](y)\n```\n[a](b)", f"a\n```python\nx[0](y)\n```\n[a]({HOME}/blob/main/b)"),
        ("[![a](b.png)](c.md)", f"[![a]({HOME}/raw/main/b.png)]({HOME}/blob/main/c.md)"),
    ],
)
def test_links_become_absolute(hook: ModuleType, text: str, absolute: str) -> None:
    assert hook.with_absolute_links(text, HOME) == absolute


def test_the_python_versions_are_those_that_are_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {line.rpartition(" :: ")[2] for line in project["classifiers"] if "Python :: 3." in line}
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    tested = re.search(r"python: \[(.*)\]", workflow)
    assert tested is not None
    assert set(re.findall(r"3\.\d+", tested[1])) == named
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in named
