"""The pages in a real browser: pointer, keyboard, colours, paper, and nothing but the file itself."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.repair.made_repair import make_repair
from tests.report.page.made_heatmaps import make_heatmaps

from nearsight.diagnosis.labels.part import Labels
from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.report.page import write_comparison_page, write_diagnosis_page, write_repair_page
from nearsight.report.page.heatmap_page import write_heatmap_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
# In milliseconds.
PATIENCE = 180_000
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = '"><script>window.broken = 1</script><img src=x onerror="window.broken = 1"></script>'

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: chromium is not on the path")

# The text of an element itself against what lies behind it, as WCAG 2 counts contrast.
CONTRASTS = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if ((colour[3] ?? 1) > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *:not(svg *, script, option)")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility())
    .map((e) => {
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), e.tagName, e.textContent.slice(0, 30)];
    });
}"""

# The window has a width, and its resize event has come: it does before the next picture.
SETTLED = """width => innerWidth === width && new Promise(
  (done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""


@dataclass
class Opened:
    """A page in the browser, and all that it did that it should not do."""

    page: "Page"
    address: str
    faults: list[str] = field(default_factory=list)

    def listen(self) -> "Opened":
        self.page.on("request", lambda request: self._ask(request.url))
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(dialog.message))
        self.page.goto(self.address)
        return self

    def _ask(self, address: str) -> None:
        if not address.startswith("data:") and address.partition("#")[0] != self.address:
            self.faults.append(f"asked for {address}")


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def open_file(browser: "Browser") -> Iterator[Open]:
    """Return what opens a file, and in the end hold that no page said or asked for anything."""
    opened = []

    def open_file(path: Path, **settings: Any) -> Opened:
        settings = {"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce"} | settings
        context = browser.new_context(**settings)
        # A busy machine opens a page in a minute.
        context.set_default_timeout(PATIENCE)
        opened.append(Opened(context.new_page(), path.as_uri()).listen())
        return opened[-1]

    yield open_file
    for one in opened:
        one.page.context.close()
    assert [one.faults for one in opened] == [[]] * len(opened)


@pytest.fixture(scope="module")
def diagnosis(make_diagnosis: Callable) -> Any:
    return make_diagnosis()


@pytest.fixture(scope="module")
def report(diagnosis: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_diagnosis_page(diagnosis, path)
    return path


def bars(page: "Page") -> dict[str, float]:
    """Return what the enlarged tile lists: class names with their logits, in order."""
    rows = [item.inner_text().split("\n") for item in page.locator("#lens .bars li").all()]
    return {name: float(value.replace("−", "-")) for name, value in rows}


def shown(page: "Page") -> list[str]:
    return [card.get_attribute("data-pair") for card in page.locator(".error:visible").all()]


def test_the_filter_shows_the_chosen_pair(open_file: Open, report: Path, diagnosis: Any) -> None:
    page = open_file(report).page
    first, second = diagnosis["errors"].pairs[1:3]
    # The costliest; the others are folded.
    assert len(shown(page)) == 5
    choice = page.get_by_label("Show", exact=True)
    choice.select_option(f"{first.label}-{first.prediction}")
    assert shown(page) == [f"{first.label}-{first.prediction}"] * first.count
    assert page.get_by_role("status").inner_text().startswith(f"Showing {first.count} images: ")
    page.locator(f"button[data-pair='{second.label}-{second.prediction}']").click()
    assert shown(page) == [f"{second.label}-{second.prediction}"] * second.count
    assert page.evaluate("document.activeElement.id") == "pair"
    choice.select_option("")
    assert len(shown(page)) == len(diagnosis["errors"].errors)


def test_pointing_at_a_tile_enlarges_it_with_its_evidence(
    open_file: Open, report: Path, diagnosis: Any
) -> None:
    page = open_file(report).page
    lens = page.locator("#lens")
    assert not lens.is_visible()
    page.locator("#class-2 .tile").first.hover()
    tile = diagnosis["reasons"].classes[2].reasons[0].examples[0]
    wanted = dict(zip((diagnosis.classes[n] for n in tile.kept), tile.logits, strict=True))
    found = bars(page)
    assert found == pytest.approx(wanted, abs=0.0056)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert tile.path in lens.inner_text()
    box = page.locator("#lens .lens-tile").bounding_box()
    assert box["width"] > 2 * page.locator("#class-2 .tile").first.bounding_box()["width"]
    page.locator("h1").hover()
    page.wait_for_function("document.getElementById('lens').hidden")


def test_the_lens_stays_in_the_window_and_off_its_tile(open_file: Open, report: Path) -> None:
    page = open_file(report).page
    for tile in page.locator("#class-1 .reason:nth-of-type(1) .tile, #e1 .tile").all():
        tile.hover()
        lens, own = page.locator("#lens").bounding_box(), tile.bounding_box()
        assert lens["x"] >= 0
        assert lens["y"] >= 0
        assert lens["x"] + lens["width"] <= 1200
        assert lens["y"] + lens["height"] <= 900
        apart = (
            lens["x"] >= own["x"] + own["width"]
            or own["x"] >= lens["x"] + lens["width"]
            or lens["y"] >= own["y"] + own["height"]
            or own["y"] >= lens["y"] + lens["height"]
        )
        assert apart


def test_tab_and_arrows_walk_the_tiles_and_escape_closes(
    open_file: Open, report: Path, diagnosis: Any
) -> None:
    page = open_file(report).page
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    examples = diagnosis["reasons"].classes[0].reasons[0].examples
    page.locator("#reasons-heading").evaluate("e => { e.tabIndex = -1; e.focus(); }")
    page.keyboard.press("Tab")
    for tile in (examples[0], examples[1]):
        assert bars(page)[diagnosis.classes[0]] == pytest.approx(tile.logits[0], abs=0.0056)
        focused = page.locator(":focus")
        assert focused.get_attribute("aria-describedby") == "lens"
        assert focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    page.keyboard.press("Escape")
    assert not page.locator("#lens").is_visible()
    page.keyboard.press("Tab")
    second = diagnosis["reasons"].classes[0].reasons[1].examples[0]
    assert bars(page)[diagnosis.classes[0]] == pytest.approx(second.logits[0], abs=0.0056)


def test_a_map_shows_the_tile_below_the_pointer_and_arrows_walk_over_it(
    open_file: Open, report: Path, diagnosis: Any
) -> None:
    page = open_file(report).page
    error = diagnosis["errors"].errors[0]
    grid = error.grid
    for which, (row, column) in ((0, (2, 5)), (1, (4, 1)), (2, (0, 0))):
        drawn = page.locator("#e1 .map").nth(which)
        scale = drawn.bounding_box()["width"] / grid.width
        left, top = grid.lefts[column] + grid.tile / 2, grid.tops[row] + grid.tile / 2
        drawn.hover(position={"x": scale * left, "y": scale * top})
        logits = error.evidence[:, row, column].tolist()
        names = [diagnosis.classes[number] for number in error.kept]
        assert bars(page) == pytest.approx(dict(zip(names, logits, strict=True)), abs=0.0056)
    page.locator("#e1 .maps").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    spoken = page.locator("#spoken").inner_text()
    assert spoken.startswith("row 1, column 2: ")
    logits = [float(text.replace("−", "-")) for text in re.findall(r"[+−][\d.]+", spoken)]
    assert logits == pytest.approx(error.evidence[:, 0, 1].tolist(), abs=0.0056)


def test_the_policy_blocks_an_injected_script_a_style_and_a_request(open_file: Open, report: Path) -> None:
    opened = open_file(report)
    page = opened.page
    blocked = page.evaluate("""async () => {
      const blocked = [];
      document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "window.broken = 1";
      const image = new Image();
      image.src = "https://example.invalid/a.png";
      const coloured = document.createElement("div");
      document.body.append(script, image, coloured);
      coloured.innerHTML = '<p style="color: red" onclick="window.broken = 1">red</p>';
      coloured.firstChild.click();
      await fetch("https://example.invalid/").catch(() => {});
      await new Promise((done) => setTimeout(done, 50));
      return blocked;
    }""")
    assert set(blocked) == {"script-src-elem", "script-src-attr", "style-src-attr", "img-src", "connect-src"}
    assert page.evaluate("window.broken") is None
    # The browser says on the console what it blocked, and an image's request is announced before that.
    others = {fault for fault in opened.faults if "Content Security Policy" not in fault}
    assert others <= {"asked for https://example.invalid/a.png"}
    opened.faults.clear()


def test_names_full_of_html_are_harmless_also_when_enlarged(
    open_file: Open, make_diagnosis: Callable, tmp_path: Path
) -> None:
    names = [f"{HOSTILE}{number}" for number in range(8)]
    paths = [f"{HOSTILE}/{number}.png" for number in range(16)]
    path = tmp_path / "hostile.html"
    write_diagnosis_page(make_diagnosis(count=16, wrong=8, names=names, paths=paths, model=HOSTILE), path)
    page = open_file(path).page
    page.locator("#class-0 .tile").first.hover()
    assert set(bars(page)) == set(names)
    page.locator("#e1 .maps").focus()
    page.get_by_label("Show", exact=True).select_option(index=1)
    assert HOSTILE in page.get_by_role("status").inner_text()
    assert page.evaluate("window.broken") is None
    assert page.locator("script").count() == 2
    assert page.locator("img[src=x]").count() == 0


def test_text_can_be_read_in_light_and_dark(open_file: Open, report: Path) -> None:
    page = open_file(report).page
    page.locator("#class-0 .tile").first.focus()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background))) < 150) == (scheme == "dark")
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 300
        assert [row for row in contrasts if row[0] < 4.5] == []


def test_paper_has_no_controls_and_nothing_is_folded(open_file: Open, report: Path) -> None:
    page = open_file(report, color_scheme="dark").page
    assert page.locator("nav.contents").is_visible()
    page.emulate_media(media="print")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<details><p>folded</p></details>')")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for control in ("nav.contents", "#pair", ".show-pair", "#lens", ".skip"):
        assert not page.locator(control).first.is_visible()
    assert page.locator("details:not([open])").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    assert page.pdf()[:4] == b"%PDF"


def test_the_switch_shows_the_picture_the_map_or_the_map_over_the_picture(
    open_file: Open, report: Path
) -> None:
    page = open_file(report).page
    cells, below = page.locator("#e1 .cells").first, page.locator("#e1 .faint").first

    def seen() -> tuple[str, str, str]:
        visible, opacity = (
            cells.evaluate(f"e => getComputedStyle(e).{name}") for name in ("visibility", "opacity")
        )
        return visible, opacity, below.evaluate("e => getComputedStyle(e).filter")

    assert seen() == ("visible", "1", "grayscale(1)")
    assert not page.get_by_label("how dense").is_visible()
    page.get_by_label("map over picture").check()
    assert seen() == ("visible", "0.6", "none")
    page.get_by_label("how dense").focus()
    page.keyboard.press("ArrowLeft")
    assert seen() == ("visible", "0.55", "none")
    page.get_by_label("picture", exact=True).check()
    assert seen()[::2] == ("hidden", "none")
    page.keyboard.press("ArrowRight")
    assert seen() == ("visible", "1", "grayscale(1)")


def test_a_finger_reads_a_tile_and_what_it_chose_stays(open_file: Open, tmp_path: Path) -> None:
    heatmaps = make_heatmaps(classes=3)
    write_heatmap_page(heatmaps, tmp_path / "maps.html")
    page = open_file(
        tmp_path / "maps.html", viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    ).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    first = heatmaps.images[0].evidence
    drawn = page.locator("#m1 .map").first
    drawn.scroll_into_view_if_needed()
    scale = drawn.bounding_box()["width"] / first.grid.width
    drawn.tap(position={"x": scale * (first.grid.lefts[1] + 4), "y": scale * (first.grid.tops[2] + 4)})
    wanted = {name: first.logits[number, 2, 1].item() for number, name in enumerate(first.classes)}
    page.wait_for_timeout(250)
    assert page.locator("#lens").is_visible()
    assert bars(page) == pytest.approx(wanted, abs=0.0056)
    lens = page.locator("#lens").bounding_box()
    assert lens["x"] >= 0
    assert lens["x"] + lens["width"] <= 390


def test_a_box_that_scrolls_sideways_says_so(open_file: Open, report: Path) -> None:
    page = open_file(report, viewport={"width": 390, "height": 800}).page
    wide = """() => [...document.querySelectorAll(".wide")]
      .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"""
    page.wait_for_selector(".sideways")
    assert page.evaluate(f"({wide})().every((e) => e.previousElementSibling.className === 'sideways')")
    page.set_viewport_size({"width": 2400, "height": 800})
    page.wait_for_function(SETTLED, arg=2400)
    assert page.locator(".sideways:visible").count() == 0


def test_no_width_scrolls_sideways(open_file: Open, report: Path) -> None:
    page = open_file(report).page
    for width in (360, 390, 800, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("#class-0 .tile").first.focus()
        page.locator("#e1 .maps").focus()
        lens = page.locator("#lens").bounding_box()
        assert lens["x"] >= 0
        assert lens["x"] + lens["width"] <= width


def test_the_lens_stays_in_sight_when_the_window_changes_under_it(open_file: Open, report: Path) -> None:
    page = open_file(report, viewport={"width": 1600, "height": 800}).page
    page.locator("#e1 .maps").focus()
    for width in (360, 1600, 800):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(SETTLED, arg=width)
        lens = page.locator("#lens").bounding_box()
        assert lens["x"] >= 0
        assert lens["x"] + lens["width"] <= width


def test_without_scripts_all_is_there_but_the_controls(open_file: Open, report: Path) -> None:
    page = open_file(report, java_script_enabled=False).page
    assert page.locator(".error").count() == 20
    assert page.locator("#e1 .map").first.is_visible()
    assert not page.locator("#pair").is_visible()


def test_a_page_without_errors_or_atlas_works(
    open_file: Open, make_diagnosis: Callable, tmp_path: Path
) -> None:
    nothing = {"labels": Labels((), ()), "reasons": Atlas(()), "reliance": None, "faithfulness": None}
    found = make_diagnosis(count=8, wrong=0, **nothing)
    write_diagnosis_page(found, tmp_path / "empty.html")
    page = open_file(tmp_path / "empty.html").page
    page.keyboard.press("Escape")
    assert page.locator("#errors").inner_text().count("None of 8 images is wrong") == 1


def test_the_page_of_a_comparison_opens_and_reads(
    open_file: Open, make_comparison: Callable, tmp_path: Path
) -> None:
    write_comparison_page(make_comparison(), tmp_path)
    page = open_file(tmp_path / "report.html", viewport={"width": 700, "height": 900}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.locator("figure img").evaluate("image => image.naturalWidth") > 0
    page.get_by_text("for completeness").click()
    assert page.locator("#differences table").nth(1).is_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert [row for row in page.evaluate(CONTRASTS) if row[0] < 4.5] == []


def test_the_page_of_a_repair_opens_and_reads(open_file: Open, tmp_path: Path) -> None:
    write_repair_page(
        make_repair(classes=tuple(f"{HOSTILE}{number}" for number in range(8))), tmp_path / "a.html"
    )
    page = open_file(tmp_path / "a.html", viewport={"width": 700, "height": 900}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.locator("figure img").evaluate("image => image.naturalWidth") > 0
    page.get_by_text("All classes", exact=True).click()
    assert page.locator("#elsewhere table").nth(1).is_visible()
    assert page.evaluate("window.broken") is None
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert [row for row in page.evaluate(CONTRASTS) if row[0] < 4.5] == []
