"""Jinja2 for the pages: everything escaped, nothing undefined, and a security policy that names what is inline."""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from nearsight.report.page import wording
from nearsight.report.page.charts import strip
from nearsight.report.page.pictures import scale_colours
from nearsight.settings.protocols import scored_by
from nearsight.statistics import writing

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# Longer tables and lists are folded after this many rows.
ROWS = 30
PAIRS = 200
# A page has at most this many rows of one table; the tables beside it have all.
MOST_ROWS = 1000


def render(template: str, **values: Any) -> str:
    """Return a page of `templates/` as HTML text.

    >>> render("base.html.j2", title="<b> & co").count("&lt;b&gt; &amp; co")
    2

    All values are escaped when the template shows them. The page holds its style and its script, and a
    content-security policy that allows these two by their SHA-256 and nothing else. Lone surrogates, which names
    of files may contain and UTF-8 may not, are written as their code. Raises `jinja2.UndefinedError` for a value
    that the template names and that is missing.
    """
    from markupsafe import Markup

    style, script = _packaged("style.css"), _packaged("page.js")
    page = _environment().get_template(template)
    html = page.render(
        style=Markup(style), script=Markup(script), policy=content_security_policy(style, script), **values
    )
    return html.encode("utf-8", "backslashreplace").decode("utf-8")


def render_part(package: str, template: str, **values: Any) -> "Markup":
    """Return a template of the package of a part of a diagnosis as HTML.

    Its values are escaped like those of a page, and `jinja2.UndefinedError` is raised likewise.
    """
    from markupsafe import Markup

    return Markup(_environment().get_template(f"{package}/{template}").render(**values))


def has_template(package: str, template: str) -> bool:
    """Tell whether the package of a part has a template.

    >>> has_template("nearsight.diagnosis.errors", "section.html.j2")
    True
    """
    return resources.files(package).joinpath(template).is_file()


def content_security_policy(style: str, script: str) -> str:
    """Return the policy of a page with one inline style and one inline script: nothing else runs or loads.

    >>> content_security_policy("p {}", "").split("; ")[:2]
    ["default-src 'none'", 'img-src data:']
    """
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def code(sentence: str) -> "Markup":
    """Return a sentence as HTML, escaped, with the text between backquotes as code.

    >>> code("`full-pass` <b>")
    Markup('<code>full-pass</code> &lt;b&gt;')
    """
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


def _hash(block: str) -> str:
    digest = hashlib.sha256(block.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@cache
def _packaged(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import ChoiceLoader, Environment, FunctionLoader, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(__package__), FunctionLoader(_section)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {
        "per_cent": writing.per_cent,
        "number": writing.number,
        "signed": writing.signed,
        "count": wording.count,
        "in_words": wording.in_words,
        "others": wording.others,
        "sentence": wording.sentence,
        "code": code,
    }
    environment.globals |= {
        "strip": strip,
        "scored_by": scored_by,
        "colours": scale_colours(),
        "caps": {"rows": ROWS, "pairs": PAIRS, "most": MOST_ROWS},
    }
    return environment


def _section(name: str) -> str | None:
    package, _, file = name.rpartition("/")
    return resources.files(package).joinpath(file).read_text(encoding="utf-8") if package else None
