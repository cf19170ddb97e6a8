"""What every page has: everything escaped, nothing undefined, and a policy that fits what is inline."""

import base64
import hashlib
import re
from collections.abc import Callable
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from nearsight.report.page.environment import code, render


def test_the_policy_holds_the_hashes_of_the_blocks_in_the_page(parse: Callable) -> None:
    html = render("base.html.j2", title="A page")
    metas = parse(html).all("meta")
    [policy] = [held["content"] for held in metas if held.get("http-equiv") == "Content-Security-Policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "data:"
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        [block] = re.findall(f"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert directives[f"{tag}-src"] == f"'sha256-{digest}'"


def test_a_missing_value_is_a_fault() -> None:
    with pytest.raises(UndefinedError):
        render("base.html.j2")


def test_lone_surrogates_of_file_names_can_be_written() -> None:
    html = render("base.html.j2", title="caf\udce9.png")
    assert html.encode("utf-8")
    assert "caf\\udce9.png" in html


@given(st.text(alphabet="ab`<>&\"'"))
def test_code_escapes_all_but_its_own_tags(text: str) -> None:
    found = str(code(text)).replace("<code>", "").replace("</code>", "")
    assert not re.search("[<>\"']", found)


def test_style_and_script_cannot_end_their_own_blocks() -> None:
    room = resources.files("nearsight.report.page")
    for name in ("style.css", "page.js"):
        assert "</" not in (room / name).read_text(encoding="utf-8")
