"""A diagnosis of images that are read part by part says what that of the same images says, held whole."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import nearsight
from nearsight.data import ImageSet, MemoryImages, reduced_images
from nearsight.data.decode_memory import VARIABLE
from nearsight.diagnosis import Diagnosis, choosing
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.verdicts import finders
from nearsight.errors import InputError
from nearsight.evaluation import evaluate
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.progress import SILENT
from nearsight.report import write_diagnosis
from nearsight.report.page.diagnosis_page import diagnosis_html
from nearsight.verbs import _repair

pyvips = pytest.importorskip("pyvips")

HALF = (0.5, 0.5, 0.5)
TILE = 16
# Of each class; half of the cats have a stamp.
IMAGES = 40
LITTLE = str(32 * 2**20 + 50_000)


def picture(random: np.random.Generator, number: int, *, stamped: bool, dark: bool) -> NDArray[np.uint8]:
    """Return a picture of grey noise, darker or lighter but for its right side, with a red stamp in it or without."""
    height = 112 + 16 * (number % 2)
    values = random.integers(0, 70, (height, 128, 1), dtype=np.uint8).repeat(3, 2) + (60 if dark else 110)
    values[:, 96:] = 60 + 110 - values[:, 96:] + 70
    if stamped:
        values[16:48, 32:64] = random.integers(0, 40, (32, 32, 3), dtype=np.uint8)
        values[16:48, 32:64, 0] = random.integers(200, 255, (32, 32), dtype=np.uint8)
    return values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cats, some of them with a stamp, and dogs, each a TIFF in tiles; one dog is also among the training images."""
    place = tmp_path_factory.mktemp("slides")
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        for name in ("cat", "dog"):
            stamped, mistaken = name == "cat" and number % 2 == 0, number % 4 == 1
            values = picture(random, number // 2, stamped=stamped, dark=(name == "cat") != mistaken)
            image = pyvips.Image.new_from_array(values)
            for split in ("test", "train") if number < 4 else ("test",):
                path = place / split / name / f"{number}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                image.tiffsave(str(path), compression="deflate", tile=True, tile_width=64, tile_height=64)
    return place


class Reds(nn.Module):
    """Red speaks for the first class, and darkness a little."""

    def __init__(self) -> None:
        super().__init__()
        # Without weights, what is interrupted cannot be continued.
        self.register_buffer("strength", torch.tensor(40.0))

    def forward(self, tiles: Tensor) -> Tensor:
        """Return the logits."""
        means = tiles.mean((2, 3))
        cat = self.strength * (means[:, 0] - means[:, 1]).clamp(min=0) - 2 * means.mean(1)
        return torch.stack([cat, -cat], 1)


def made(tile: int | None, preprocessing: Preprocessing) -> Classifier:
    architecture = Architecture("airbench", classes=2, width=0.1)
    return Classifier(Reds().eval(), architecture, ("cat", "dog"), tile, preprocessing)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return made(TILE, Preprocessing(HALF, HALF))


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)


def diagnosed(folder: Path, classifier: Classifier, **options: object) -> Diagnosis:
    return nearsight.diagnose(classifier, folder, stride=8, faithfulness=0, progress=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def both(folder: Path, classifier: Classifier) -> tuple[Diagnosis, Diagnosis]:
    """The diagnosis of the images held whole, and read part by part."""
    with pytest.MonkeyPatch.context() as patched:
        # What looks at whole images takes long, and has no counterpart.
        patched.setattr(finders, "FINDERS", {name: finders.FINDERS[name] for name in ("columns", "repeats")})
        whole = diagnosed(folder, classifier)
        patched.setenv(VARIABLE, LITTLE)
        assert nearsight.load(folder, progress=False)["test"].first_large() == 0
        return whole, diagnosed(folder, classifier)


def close(one: Diagnosis, other: Diagnosis, table: str, columns: list[str] | None = None) -> None:
    """Compare a table of two diagnoses, or some of its columns, but for rounding."""
    mine, theirs = (each.table(table) for each in (one, other))
    names = list(mine.columns) if columns is None else columns
    assert len(mine) == len(theirs) > 0
    for name in names:
        for a, b in zip(mine[name].tolist(), theirs[name].tolist(), strict=True):
            if a is None or isinstance(a, str | bool):
                assert a == b, (table, name)
            else:
                np.testing.assert_allclose(
                    np.array(a, float), np.array(b, float), rtol=1e-3, atol=1e-4, err_msg=name
                )


def test_the_same_errors_have_the_same_flips(both: tuple[Diagnosis, Diagnosis]) -> None:
    whole, parted = both
    names = [*whole.table("errors").columns]
    close(parted, whole, "errors", [name for name in names if not name.endswith("holds")])
    close(parted, whole, "pairs")
    assert whole["errors"].hidden is not None
    assert parted["errors"].hidden is None
    assert any("not classified again with their tiles hidden" in note for note in parted.notes)


def test_labels_columns_reasons_and_protocols_are_the_same(both: tuple[Diagnosis, Diagnosis]) -> None:
    whole, parted = both
    for table in ("suspects", "duplicates", "columns", "column_groups", "reasons", "tiles"):
        close(parted, whole, table)
    accuracies = [{row.protocol: row.accuracy for row in one["protocols"].rows} for one in both]
    assert accuracies[0].pop("full-pass") is not None
    assert accuracies[0] == accuracies[1]


def test_what_needs_whole_images_is_left_out_with_the_reason(both: tuple[Diagnosis, Diagnosis]) -> None:
    _, parted = both
    assert "locality" in parted.absent
    assert "too large to be passed whole" in parted.notes[0]
    assert "too large to be held" in parted["verdicts"].left_out[0]
    assert parted["verdicts"].left_out[0] in parted.sentences()


def test_a_planted_stamp_is_the_same_shortcut(both: tuple[Diagnosis, Diagnosis]) -> None:
    [expected], [found] = (one["verdicts"].verdicts for one in both)
    for one in (expected, found):
        assert one.verdict == "shortcut"
        assert "mark" in one.words
    assert found.words == expected.words
    assert found.images == expected.images
    assert (found.share, found.difference) == (expected.share, expected.difference)
    put_on = next(one for one in found.interventions if one.kind == "transplanted")
    assert put_on.after.value == 1.0


def test_it_is_written_and_read_with_its_pictures(both: tuple[Diagnosis, Diagnosis], tmp_path: Path) -> None:
    _, parted = both
    write_diagnosis(parted, tmp_path)
    page = (tmp_path / "report.html").read_text()
    again = Diagnosis.load(tmp_path)
    assert diagnosis_html(again) == page
    assert again.sentences() == parted.sentences()
    written = json.loads((tmp_path / "diagnosis.json").read_text())
    assert parted["verdicts"].left_out[0] in written["sentences"]


def test_blank_tiles_are_skipped_whether_images_are_held_or_not(
    folder: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"skip_blank": 75, "parts": ["errors", "reasons"]}
    whole = diagnosed(folder, classifier, **options)
    monkeypatch.setenv(VARIABLE, LITTLE)
    parted = diagnosed(folder, classifier, **options)
    names = [*whole.table("errors").columns]
    close(
        parted, whole, "errors", [name for name in names if not name.endswith("holds") and "map" not in name]
    )
    close(parted, whole, "reasons")
    error = parted["errors"].errors[0]
    assert error.evidence is not None
    skipped = error.evidence[0].isnan()
    assert 0 < int(skipped.sum()) < skipped.numel()
    assert error.flip is None or not skipped.flatten()[list(error.flip.tiles)].any()


def test_a_decision_on_whole_images_needs_every_tile(folder: Path) -> None:
    whole = made(None, Preprocessing(HALF, HALF))
    with pytest.raises(InputError, match="is for classifiers that decide by tiles"):
        nearsight.diagnose(whole, folder, tile=TILE, skip_blank=16, progress=False)


def test_a_classifier_that_resizes_is_diagnosed_as_on_the_same_images_held_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resizing = made(TILE, Preprocessing(HALF, HALF, resize_short=32))
    parts = ["protocols", "errors", "labels", "reasons"]
    whole = diagnosed(folder, resizing, parts=parts)
    monkeypatch.setenv(VARIABLE, LITTLE)
    found = diagnosed(folder, resizing, parts=parts)
    assert "80 images of test too large to be held are reduced as the classifier does" in found.notes[0]
    for table in ("protocols", "errors", "suspects", "reasons"):
        assert found.table(table).equals(whole.table(table)), table


def small() -> ImageSet:
    """Two small pictures of each class, held in memory."""
    random = np.random.default_rng(1)
    pixels = torch.from_numpy(random.integers(0, 256, (4, 3, 48, 40), dtype=np.uint8))
    held = MemoryImages(pixels, ("a", "b", "c", "d"))
    return ImageSet("slides", "test", ("cat", "dog"), np.array([0, 0, 1, 1]), held)


@pytest.mark.usefixtures("little_memory")
def test_of_other_splits_only_what_chooses_is_reduced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = nearsight.load(folder, progress=False)
    others = {"train": sets["train"], "val": replace(sets["test"], split="val")}
    resizing = nearsight.TiledModel(made(TILE, Preprocessing(HALF, HALF, resize_short=32)), stride=8)
    monkeypatch.setattr(choosing, "OF_A_CLASS", 3)
    monkeypatch.setattr(finders, "FINDERS", {"repeats": finders.FINDERS["repeats"]})
    calls: list[str] = []
    reduce = reduced_images._Reduce.__call__
    monkeypatch.setattr(
        reduced_images._Reduce, "__call__", lambda self, batch: calls.append("") or reduce(self, batch)
    )
    found = diagnose(resizing, small(), others=others, parts=["errors", "labels"])
    assert (len(calls), found.notes) == (0, ())
    found = diagnose(resizing, small(), others=others, parts=["verdicts"])
    assert len(calls) == found["verdicts"].trained == 6
    assert found.notes[0].startswith("6 images of")


@pytest.mark.usefixtures("little_memory")
def test_what_no_part_reads_may_be_resized_in_any_way(folder: Path) -> None:
    sets = nearsight.load(folder, progress=False)
    preprocessing = Preprocessing(HALF, HALF, resize_short=32, interpolation="lanczos")
    bound = nearsight.TiledModel(made(TILE, preprocessing), stride=8)
    others = {"train": sets["train"]}
    assert diagnose(bound, small(), others=others, parts=["errors"]).images == 4
    with pytest.raises(InputError, match="lanczos"):
        diagnose(bound, small(), others=others, parts=["verdicts"])


@pytest.mark.usefixtures("little_memory")
def test_a_repair_is_of_images_that_can_be_held_once_they_are_resized(folder: Path) -> None:
    sets = nearsight.load(folder, progress=False)
    with pytest.raises(InputError, match=r"tif is too large to be held whole, as a repair takes"):
        _repair._held(sets, nearsight.TiledModel(made(TILE, Preprocessing(HALF, HALF))), SILENT)
    resizing = nearsight.TiledModel(made(TILE, Preprocessing(HALF, HALF, resize_short=32)))
    more = replace(sets, splits={**sets, "more": replace(sets["test"], split="more")})
    held = _repair._held(more, resizing, SILENT)
    assert held["more"] is more["more"]
    for split, images in sets.items():
        assert held[split].sizes.min() == held[split].sizes.min(1).max() == 32
        assert held[split].identity.digests.tolist() == images.identity.digests.tolist()


@pytest.mark.usefixtures("little_memory")
def test_an_interruption_loses_one_large_image(folder: Path, classifier: Classifier, tmp_path: Path) -> None:
    images = nearsight.load(folder, progress=False)["test"].select(np.arange(5))
    bound = nearsight.TiledModel(classifier, stride=8)
    seen: list[int] = []

    def observe(place: int, _: nearsight.EvidenceMap) -> None:
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(place)

    with pytest.raises(KeyboardInterrupt):
        evaluate(bound, images, keep=tmp_path / "parts", observe=observe)
    made: list[str] = []
    maps = nearsight.TiledModel.maps
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            nearsight.TiledModel, "maps", lambda bound, some: made.append("") or maps(bound, some)
        )
        observed: list[int] = []
        found = evaluate(
            bound, images, keep=tmp_path / "parts", observe=lambda place, _: observed.append(place)
        )
    assert observed == [0, 1, 2, 3, 4]
    assert len(made) == 2
    whole = evaluate(bound, images)
    np.testing.assert_array_equal(found.scores["mean-logit"], whole.scores["mean-logit"])
