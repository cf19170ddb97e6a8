"""The page of a diagnosis: every figure is on it, hostile names are text, and odd diagnoses read sensibly."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.faithfulness.maps import Faithfulness
from nearsight.diagnosis.labels.part import Labels
from nearsight.diagnosis.locality.sizes import Locality
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.report.page import write_diagnosis_page
from nearsight.report.page.diagnosis_page import diagnosis_html
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid

UNKNOWN = Estimate(None, None, None, 0, None)
HOSTILE = (
    "<script>window.broken = 1</script>",
    '"><img src=x onerror="window.broken=1">',
    "</script><script>window.broken = 1</script>",
    "' onmouseover='window.broken=1",
    "{{ 7 * 7 }}",
    "&lt;b&gt;",
    "\u202egnp.exe",
    "--><!-- ]]>",
)


GRID_TILE, GRID_STRIDE = 16, 8
TILE_PROTOCOLS = ("mean-logit", "mean-probability", "vote", "single-tile")
# What a sentence with an accuracy in it has.
SCORES = r"images? (are|is) (right|wrong) under|are right for|accurate"


def estimates(found: Any) -> Iterator[Estimate]:
    if isinstance(found, Estimate):
        yield found
    elif is_dataclass(found):
        for field in fields(found):
            yield from estimates(getattr(found, field.name))
    elif isinstance(found, tuple):
        for one in found:
            yield from estimates(one)


def test_every_figure_is_on_the_page_with_its_interval_and_chance(
    make_diagnosis: Callable, parse: Callable
) -> None:
    diagnosis = make_diagnosis()
    text = parse(diagnosis_html(diagnosis)).text.replace("\xa0", " ").replace("−", "-")
    assert all(len(found.reasons) > 1 for found in diagnosis["reasons"].classes)
    held = [
        one for part in ("protocols", "reliance", "reasons", "locality") for one in estimates(diagnosis[part])
    ]
    assert len(held) > 100
    for one in held:
        if one.low is None:
            continue
        shown = rf"{100 * one.value:z.1f}( %)? \({100 * one.low:z.1f} to {100 * one.high:z.1f}\)"
        assert re.search(shown, text), shown
        if one.chance is not None:
            assert re.search(rf"{100 * one.chance:z.1f}( %)?", text)
    for one in estimates(diagnosis["faithfulness"]):
        assert f"{one.value:z.2f} ({one.low:z.2f} to {one.high:z.2f})" in text
    for sentence in (*diagnosis.sentences(), *diagnosis.notes):
        # With a capital.
        assert sentence[1:].replace("\xa0", " ").replace("−", "-") in text


def test_no_accuracy_stands_without_its_protocol_tile_and_stride(
    make_diagnosis: Callable, parse: Callable
) -> None:
    diagnosis = make_diagnosis()
    html = diagnosis_html(diagnosis)
    text = parse(html).text
    tiled = [f"{name}, tile {GRID_TILE}, stride {GRID_STRIDE}" for name in TILE_PROTOCOLS]
    said = r"(mean-logit|mean-probability|vote|single-tile), tile \d+, stride \d+|full-pass"
    for sentence in (line for line in re.split(r"[;\n]|\.\s", text) if re.search(SCORES, line)):
        assert re.search(said, sentence), sentence
    # In tables the row or the column says it.
    for table in re.findall(r"<table.*?</table>", html, flags=re.S):
        heads, body = table.split("<tbody>")
        if "accuracy" in heads or "right from" in heads:
            rows = re.findall(r'<th scope="row">(.*?)</th>', body, flags=re.S)
            of_rows = all(any(one in row for one in (*tiled, "full-pass")) for row in rows)
            by_size = "tile, stride" in heads and all(re.search(r"\d+×\d+, \d+", row) for row in rows)
            of_columns = all(
                any(name in column for name in (*tiled, *((*TILE_PROTOCOLS, "full-pass") if by_size else ())))
                for column in re.findall(r"<th.*?</th>", heads, flags=re.S)
                if "accuracy" in column or "right from" in column
            )
            assert of_rows or of_columns, heads
    assert text.count(tiled[0]) > 4


def test_every_error_is_shown_costliest_first_with_its_pictures(
    make_diagnosis: Callable, parse: Callable
) -> None:
    diagnosis = make_diagnosis()
    page = parse(diagnosis_html(diagnosis))
    cards = page.all("article", class_="error")
    errors = diagnosis["errors"].errors
    assert [card["data-pair"] for card in cards] == [f"{error.label}-{error.prediction}" for error in errors]
    assert len(page.all("svg", class_="map")) == 3 * len(errors)
    assert all(error.path in page.text for error in errors)
    options = [option["value"] for option in page.all("option")]
    assert options == ["", *(f"{pair.label}-{pair.prediction}" for pair in diagnosis["errors"].pairs)]


def test_fewer_errors_than_there_are_is_said(make_diagnosis: Callable, parse: Callable) -> None:
    diagnosis = make_diagnosis(count=24, wrong=9)
    page = parse(diagnosis_html(diagnosis, shown=4))
    assert len(page.all("article", class_="error")) == 4
    assert "9 of 24 images are wrong" in page.text
    assert "The 4 costliest are shown here" in page.text


def test_the_first_screen_has_a_figure_a_line_and_links_to_its_section(
    make_diagnosis: Callable, parse: Callable
) -> None:
    diagnosis = make_diagnosis()
    html = diagnosis_html(diagnosis)
    screen = html[html.index('<section id="summary"') :].partition("</section>")[0]
    page = parse(screen)
    # It also says that shortcuts were not searched for: the part is not in this diagnosis.
    assert len(page.all("li")) == len(diagnosis.summary()) + len(diagnosis.notes) + 1 <= 8
    assert "Shortcuts were not searched for" in page.text
    assert {held["href"][1:] for held in page.all("a")} <= {part.name for part in diagnosis.asked}
    words = " ".join(diagnosis.summary()).split()
    assert len(words) < 100, "more than is read in half a minute"
    assert diagnosis.to_json()["summary"] == diagnosis.summary()


def test_hostile_names_change_no_tag(make_diagnosis: Callable, parse: Callable) -> None:
    tame = make_diagnosis(count=16, wrong=8, model="run", data="set")
    paths = [f"{HOSTILE[i % 8]}/{i}" for i in range(16)]
    wild = make_diagnosis(
        count=16, wrong=8, names=HOSTILE, paths=paths, model=HOSTILE[0], data=HOSTILE[2], notes=HOSTILE[:1]
    )
    harmless, hostile = parse(diagnosis_html(tame)), parse(diagnosis_html(wild))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert [sorted(held) for _, held in hostile.tags] == [sorted(held) for _, held in harmless.tags]
    for name in HOSTILE:
        assert " ".join(name.split()) in hostile.text


def test_the_data_block_is_json_and_ends_where_it_should(make_diagnosis: Callable) -> None:
    html = diagnosis_html(make_diagnosis(count=8, wrong=4, names=HOSTILE))
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, flags=re.DOTALL)
    assert json.loads(block)["classes"] == list(HOSTILE)


def test_nothing_on_the_page_needs_what_the_policy_forbids(make_diagnosis: Callable, parse: Callable) -> None:
    page = parse(diagnosis_html(make_diagnosis(count=24, wrong=9)))
    for tag, held in page.tags:
        assert "style" not in held
        assert not [name for name in held if name.startswith("on")], tag
        assert tag not in ("link", "iframe", "object", "form", "base")
        for name in ("src", "href"):
            assert held.get(name, "#").startswith(("#", "data:image/"))


def test_headings_do_not_skip_a_level_and_pictures_have_words(
    make_diagnosis: Callable, parse: Callable
) -> None:
    page = parse(diagnosis_html(make_diagnosis(count=24, wrong=9)))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(held["alt"] for held in page.all("img"))
    for held in page.all("svg"):
        assert held.get("aria-hidden") == "true" or (held.get("role") == "img" and held["aria-label"])
    ids = [held["id"] for _, held in page.tags if "id" in held]
    assert len(set(ids)) == len(ids)
    for tag, held in page.tags:
        for name in ("aria-labelledby", "for"):
            assert held.get(name, ids[0]) in ids, (tag, held)
        if held.get("href", "").startswith("#"):
            assert held["href"][1:] in ids


def one_class(make: Callable) -> Any:
    return make(count=8, wrong=0, names=["only"], numbers=np.zeros(8, dtype=np.int64))


def unknown_regions(make: Callable) -> Any:
    found = make(count=8, wrong=2)["reliance"]
    names = ("off_share", "off_area", "background", "object", "pointing", "excess")
    row = replace(found.overall, images=0, **dict.fromkeys(names, UNKNOWN))
    odd = replace(found, overall=row, classes=(row,) * 8, known=1, notes=("few",))
    return make(count=8, wrong=2, reliance=odd)


def one_reason(make: Callable) -> Any:
    found = make(count=8, wrong=2)["reasons"]
    classes = tuple(replace(one, reasons=one.reasons[:1]) for one in found.classes)
    return make(count=8, wrong=2, reasons=Atlas(classes))


@pytest.mark.parametrize(
    ("make_odd", "said"),
    [
        (lambda make: make(count=8, wrong=0), "None of 8 images is wrong"),
        (one_class, "8 images of 1 class,"),
        (
            lambda make: make(count=8, wrong=2, names=[f"c{i}" for i in range(1000)]),
            "960 more classes, in words",
        ),
        (lambda make: make(count=8, wrong=2, names=[*"abcdefgh", "empty"]), "This class has no images."),
        (lambda make: make(count=8, wrong=2, reliance=None), "No region is known"),
        (
            lambda make: make(count=8, wrong=2, faithfulness=Faithfulness("vote", 0, (), ())),
            "uses was not measured",
        ),
        (lambda make: make(count=8, wrong=2, reasons=Atlas(())), "There is no atlas"),
        (lambda make: make(count=8, wrong=2, locality=Locality(())), "was not measured"),
        (lambda make: make(count=8, wrong=2, labels=Labels((), ())), "None was found."),
        (lambda make: make(count=8, wrong=2, grid=TileGrid(64, 64, tile=64, stride=1)), "of the tiles"),
        (unknown_regions, "no images"),
        (one_reason, "the only one"),
        (lambda make: make(count=1, wrong=1, trained_tile=None), "trained on whole images"),
    ],
)
def test_odd_diagnoses_have_sensible_pages(
    make_diagnosis: Callable, parse: Callable, make_odd: Callable, said: str
) -> None:
    page = parse(diagnosis_html(make_odd(make_diagnosis)))
    assert said in page.text
    assert not re.search(r"\b(None|nan|inf|Undefined)\b", re.sub("None (was|of) ", "", page.text))


def test_long_tables_are_folded(make_diagnosis: Callable, parse: Callable) -> None:
    page = parse(diagnosis_html(make_diagnosis(count=8, wrong=2, names=[f"c{i}" for i in range(100)])))
    assert "The other 70 classes" in page.text
    assert "The other 36 classes with tiles" in page.text
    assert "c99" in page.text
    page = parse(diagnosis_html(make_diagnosis(count=8, wrong=2, names=[f"c{i}" for i in range(31)])))
    assert "The other class" in page.text
    assert "The other 1 " not in page.text


def test_a_page_of_a_hundred_noisy_images_stays_below_15_mb(make_diagnosis: Callable) -> None:
    grid = TileGrid(224, 224, tile=32, stride=8)
    diagnosis = make_diagnosis(count=104, wrong=100, grid=grid)
    # Noise is what compresses least; the reported positions are of this size, as after a resize.
    noise = torch.randint(
        256, (4, 3, 224, 224), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    noisy = ImageSet("noise", "test", ("a",), np.zeros(4, dtype=np.int64), MemoryImages(noise, tuple("abcd")))
    many = noisy.select(np.arange(104) % 4)
    html = diagnosis_html(replace(diagnosis, pictures=ExaminedPictures(many, lambda image: image)))
    assert len(html.encode()) < 15_000_000


def test_the_same_diagnosis_gives_the_same_file(make_diagnosis: Callable, tmp_path: Path) -> None:
    diagnosis = make_diagnosis(count=8, wrong=2)
    for name in ("a.html", "b.html"):
        write_diagnosis_page(diagnosis, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_page_is_drawn_again_from_disk_without_the_set(make_diagnosis: Callable, tmp_path: Path) -> None:
    diagnosis = make_diagnosis(count=56, wrong=20)
    diagnosis.save(tmp_path)
    assert diagnosis_html(Diagnosis.load(tmp_path)) == diagnosis_html(diagnosis)


def test_a_page_is_drawn_from_the_files_of_the_first_schema(parse: Callable) -> None:
    old = Diagnosis.load(Path(__file__).parents[2] / "fixtures" / "schema-1" / "diagnosis")
    page = parse(diagnosis_html(old))
    assert "9 of 12 images are wrong" in page.text
    assert "kept no pictures" in page.text
