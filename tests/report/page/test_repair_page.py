"""The page of a repair: the conclusion first, every figure with its interval, and names that are only letters."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.repair.made_repair import make_repair
from tests.repair.test_result import weighed

from nearsight.repair.result import Repair, Repaired, written_change
from nearsight.report.page import write_repair_page
from nearsight.report.page.repair_page import at_a_glance, method_sentences, repair_html
from nearsight.statistics import Estimate

pytestmark = pytest.mark.usefixtures("undrawn")

HOSTILE = (
    '"><script>window.broken = 1</script><img src=x onerror="window.broken = 1">',
    "</style></main>",
    "&amp;<b>",
    "{{ 7 * 7 }}",
    "\u202egnp.exe",
    "a`b`c",
    "$x$",
    "\udcff",
)


def test_sections_stand_in_order_and_each_has_its_link(parse: Callable) -> None:
    page = parse(repair_html(make_repair()))
    ids = [held["id"] for held in page.all("section")]
    assert ids == [
        "summary",
        "shortcuts",
        "accuracy",
        "moved",
        "verdicts",
        "elsewhere",
        "cost",
        "method",
        "examples",
    ]
    links = [held["href"] for held in page.all("a")]
    assert [f"#{name}" for name in ids] == [link for link in links if link != "#main"]


def test_the_conclusion_comes_first_and_every_figure_is_there(parse: Callable) -> None:
    found = make_repair()
    text = parse(repair_html(found)).text.replace("\xa0", " ").replace("−", "-")
    said = [sentence.replace("\xa0", " ").replace("−", "-") for sentence in found.conclusion]
    assert all(text.index(f"{sentence}.") < text.index("What was removed") for sentence in said)
    assert found.sentences()[0] == ". ".join(found.conclusion)
    for row in (found.overall, *found.groups, *found.moved, *found.by_class):
        for one in (row.before, row.after, row.change):
            low, high = one.low or 0.0, one.high or 0.0
            shown = rf"{100 * one.value:z.1f}( %)? \({100 * low:z.1f} to {100 * high:z.1f}\)"
            assert re.search(shown, text)
    worst = "The worst group of at least 10 images was bird without it: 19 % (9 to 29) before, 75 % (65 to 85) now,"
    assert f"{worst} +56.2 points (48.2 to 64.2); it is still the worst" in text
    assert "before ✗ car after ✓ bird" in text
    assert "training images chose what was to be removed: half of the images" in text.lower()


def test_a_loss_is_told_only_where_the_whole_interval_shows_it() -> None:
    found = make_repair()
    assert "Of 8 classes 1 has lost accuracy" in repair_html(found)
    unsure = tuple(replace(row, change=Estimate(-0.02, -0.05, 0.01, 100)) for row in found.by_class)
    assert "No loss is proven in any of 8 classes" in repair_html(replace(found, by_class=unsure))


def test_what_was_not_asked_is_said(parse: Callable) -> None:
    found = make_repair(before=None, after=None, moved=(), cost_before=None, groups=(), examples=())
    text = parse(repair_html(found)).text
    assert "The test images were not diagnosed again." in text
    assert "Nothing of what was removed can be added to an image." in text
    assert "No test image of the class is without it." in text
    assert "worst group" not in text
    assert "verdicts on test images not diagnosed again not diagnosed again" in text


def test_what_a_reader_asks_first_is_answered_at_a_glance() -> None:
    found = make_repair()
    rows = {row.what: (row.before, row.after, row.change) for row in at_a_glance(found)}
    worst = (
        "19 % (9 to 29), bird without it",
        "75 % (65 to 85), bird without it",
        "+56.2 points (48.2 to 64.2)",
    )
    assert [one.replace("\xa0", " ") for one in rows["right, worst group"]] == list(worst)
    assert rows["verdicts on test images"][:2] == (
        "2 to be removed, no others",
        "none still there, 1 other",
    )
    assert rows["classes that lost accuracy"][1] == "1 of 8: ladder"
    assert rows["training"][:2] == ("4,000 steps, 13:32", "800 steps, 2:40")
    put_on = rows["others with it put on that become bird"]
    assert [one.partition("\xa0")[0].partition(" ")[0] for one in put_on[:2]] == ["80", "10"]


def test_a_loss_stands_beside_the_gain_in_the_same_size_and_both_are_weighed() -> None:
    found = weighed(0)
    html = repair_html(found)
    large = re.findall(r'<p class="conclusion">(.*?)</p>', html)
    assert [one.partition(":")[0] for one in large] == ["Cost", "Gain"]
    assert f"<p>{found.weighed}.</p>" in html.replace("&#39;", "'")
    [one] = found.saying_nothing
    row = next(row for row in at_a_glance(found) if row.what == "right, if half of every class had it")
    assert row.change == written_change(one.change)
    assert "nearsight predict RUN IMAGES" in html
    assert "nearsight predict DIR/run IMAGES" in repair_html(weighed(80))


def test_of_several_shortcuts_that_are_put_on_others_it_is_said_which() -> None:
    found = make_repair()
    [put_on] = found.moved
    worse = replace(put_on, shortcut=1, after=Estimate(0.4, 0.3, 0.5, 80))
    several = replace(found, moved=(put_on, worse))
    words = found.shortcuts[1].words
    row = next(row for row in at_a_glance(several) if "put on that become" in row.what)
    assert row.what == f"others with {words} put on that become bird"
    assert row.after.startswith("40")


def test_another_group_may_be_the_worst_afterwards() -> None:
    found = make_repair()
    with_it, without_it, other = found.groups
    fallen = replace(with_it, after=Estimate(0.1, 0.0, 0.2, 48))
    changed = replace(found, groups=(fallen, without_it, other))
    assert changed.worst == (without_it, fallen)
    row = next(row for row in at_a_glance(changed) if row.what == "right, worst group")
    assert (row.after.endswith("bird with it"), row.change) == (True, "")
    assert any("the worst is now bird with it" in sentence for sentence in changed.sentences())


def test_of_a_background_it_is_not_said_that_no_image_is_without_it(parse: Callable) -> None:
    found = make_repair(
        shortcuts=(Repaired(0, 0, "shortcut", "background", "its background", 500, 0, 80, 0),),
        groups=(),
        moved=(),
        before=None,
        after=None,
        examples=(),
    )
    text = parse(repair_html(found)).text
    assert "its background shortcut 500 – 80 –" in text
    assert "it is not known how many are without the class’s own" in text


def test_a_verdict_of_every_image_has_no_accuracy_without_it(parse: Callable) -> None:
    assert "every image has it" in parse(repair_html(make_repair())).text


@pytest.mark.parametrize(
    ("method", "from_scratch", "told"),
    [
        ("swap", False, ["swap", "the weights of the old run"]),
        ("swap and tiles", True, ["swap", "tiles", "from scratch"]),
        ("last-layer", False, ["last-layer"]),
    ],
)
def test_the_method_is_told_in_words(method: str, from_scratch: bool, told: list[str]) -> None:
    sentences = method_sentences(make_repair(method=method, from_scratch=from_scratch, notes=()))
    assert len(sentences) == len(told) + 2
    assert all(word in sentence for word, sentence in zip(told, sentences, strict=False))


def test_names_full_of_html_are_only_letters(parse: Callable) -> None:
    html = repair_html(make_repair(classes=HOSTILE, run=HOSTILE[0], data=HOSTILE[1], notes=HOSTILE))
    page = parse(html)
    assert len(page.all("script")) == 1
    assert not page.all("img", src="x")
    assert not page.all("b", class_="")
    assert HOSTILE[0] in "".join(page.words)
    assert "49" not in page.all("img")[0].get("alt", "")


def test_a_saved_repair_has_the_same_page(tmp_path: Path) -> None:
    found = make_repair()
    found.save(tmp_path)
    again = Repair.load(tmp_path)
    assert repair_html(again) == repair_html(found)
    write_repair_page(again, tmp_path / "report.html")
    assert "diagnosis/report.html" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "diagnosis").mkdir()
    (tmp_path / "diagnosis" / "report.html").write_text("")
    assert 'href="diagnosis/report.html"' in repair_html(again, tmp_path)


def test_the_page_says_what_made_it_and_how_to_go_on_with_the_new_run(parse: Callable) -> None:
    made = replace(make_repair(), command="nearsight repair 'runs/<a>'")
    assert made.command in parse(repair_html(made)).text
    still = tuple(replace(row, verdict="shortcut") for row in made.before or ())
    for after, step in (
        (None, "nearsight diagnose DIR/run"),
        ((), "nearsight predict DIR/run IMAGES"),
        (still, "nearsight repair DIR/run"),
    ):
        assert step in parse(repair_html(replace(made, after=after))).text
