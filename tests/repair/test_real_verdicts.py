"""From a diagnosis that is really made, by its verdicts, to a repaired run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nearsight import training
from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.repeats import find_fixed_patterns
from nearsight.diagnosis.verdicts import finders
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.repair.choosing import choose
from nearsight.repair.places import tiles_of_reason
from nearsight.repair.repairing import repair
from nearsight.repair.shortcuts import find_shortcuts
from nearsight.runs import Run
from nearsight.settings import RECIPES

CORNER = 5


def painted(split: str, each: int, seed: int) -> ImageSet:
    """Return red images that are as green as green ones; nine in ten have a yellow corner."""
    random = torch.Generator().manual_seed(seed)
    labels = np.repeat(np.arange(3), each).astype(np.int64)
    pixels = torch.randint(60, 140, (len(labels), 3, 24, 24), generator=random).to(torch.uint8)
    for i, label in enumerate(labels.tolist()):
        pixels[i, max(label, 1)] += 50
    yellow = torch.tensor([255, 255, 0], dtype=torch.uint8)[:, None, None]
    pixels[: round(0.9 * each), :, :CORNER, :CORNER] = yellow
    names = tuple(f"{split}/{i}.png" for i in range(len(labels)))
    return ImageSet("painted", split, ("red", "green", "blue"), labels, MemoryImages(pixels, names))


@pytest.fixture(scope="module")
def sets() -> ImageSets:
    return ImageSets("painted", {"train": painted("train", 40, 0), "test": painted("test", 20, 1)})


@pytest.fixture(scope="module")
def run(sets: ImageSets, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = replace(RECIPES["fast"], data="painted", tile=8, steps=40, width=0.1, batch_size=32)
    return training.train(recipe, sets, tmp_path_factory.mktemp("runs") / "old")


@pytest.fixture(autouse=True)
def few_finders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for marks alone: what whole images look like takes long to measure."""
    monkeypatch.setattr(finders, "FINDERS", {"repeats": find_fixed_patterns})


def test_a_mark_that_is_found_is_taken_away_and_a_later_repair_takes_its_diagnosis(
    run: Run, sets: ImageSets, tmp_path: Path
) -> None:
    bound = TiledModel(run.classifier(), stride=4)
    made = repair(run, sets, bound=bound, out=tmp_path / "first")
    [mark] = made.shortcuts
    assert (mark.verdict, mark.attribute) == ("shortcut", "overlay")
    assert (mark.train_images, mark.train_without, mark.test_images, mark.test_without) == (36, 4, 18, 2)
    assert [(row.images, row.having) for row in made.groups] == [(18, True), (2, False)]
    # Most images of other classes with the corner were red, and are so less often now.
    assert (made.moved[0].change.value or 0.0) < 0
    assert made.before is not None
    assert [(row.repaired, row.shortcut) for row in made.before if row.attribute == "overlay"] == [(True, 0)]
    found = Diagnosis.load(tmp_path / "first" / "diagnosis")
    other = repair(
        run, sets, bound=bound, diagnosis=found, method="last-layer", again=False, out=tmp_path / "other"
    )
    assert (other.shortcuts, other.method) == (made.shortcuts, "last-layer")
    with pytest.raises(InputError, match="is of other weights than those in"):
        repair(run, sets, bound=bound, diagnosis=replace(found, weights="0" * 32), out=tmp_path / "third")
    # As an older version wrote it, which kept no digest of the weights.
    fewer = replace(found, weights=None, notes=("another",))
    with pytest.raises(InputError, match="begun on another `diagnosis`"):
        repair(
            run,
            sets,
            bound=bound,
            diagnosis=fewer,
            method="last-layer",
            again=False,
            resume=True,
            out=tmp_path / "other",
        )


def test_a_diagnosis_of_some_images_names_them_and_a_repair_uses_the_same(run: Run, sets: ImageSets) -> None:
    bound, train = TiledModel(run.classifier(), stride=4), sets["train"]
    # With the classes among each other, no place among those drawn is also one of the split.
    mixed = train.select(np.random.default_rng(5).permutation(len(train)))
    corner = np.array([bool((mixed.image(i)[:2, :CORNER, :CORNER] == 255).all()) for i in range(len(mixed))])
    found = diagnose(bound, mixed, parts=["verdicts", "reasons"], limit=90, faithfulness=0)
    rows = found.table("verdicts")
    [places] = rows[rows["attribute"] == "overlay"]["images"]
    assert set(places) == set(np.flatnonzero(corner & np.isin(np.arange(len(mixed)), found.places)).tolist())
    splits = ImageSets("painted", {"train": mixed, "test": sets["test"]})
    [mark] = find_shortcuts(Decision.of(bound, whole=False), found, splits, choose(found, ["red:1"]))
    assert (mark.in_train == corner).all()


def test_tiles_of_a_reason_are_its_own_and_few_of_others(run: Run, sets: ImageSets) -> None:
    """The network's own embedding finds most tiles of a reason again, in the images that it was made of."""
    bound = TiledModel(run.classifier(), stride=4)
    atlas = REASONS.of(diagnose(bound, sets["train"], parts=["reasons"], faithfulness=0))
    assert atlas is not None
    several = [number for number, one in enumerate(atlas.classes) if len(one.reasons) > 1]
    assert several
    own, others = [], []
    for number in several:
        found = atlas.classes[number]
        finds = [tiles_of_reason(bound, sets["train"], found, reason, number) for reason in found.reasons]
        for reason, find in zip(found.reasons, finds, strict=True):
            for i, (top, left) in zip(reason.images, reason.corners, strict=True):
                of = {one: next(one(bound, sets["train"], [i]))[top // 4, left // 4] for one in finds}
                own.append(of.pop(find))
                others += of.values()
    assert np.mean(own) > 0.7
    assert np.mean(others) < 0.3


def test_what_is_refused_keeps_its_diagnosis_and_another_way_goes_on_from_it(
    run: Run, sets: ImageSets, tmp_path: Path
) -> None:
    bound = TiledModel(run.classifier(), stride=4)
    out = tmp_path / "new"
    with pytest.raises(InputError, match="unknown verdict 'blue:1'"):
        repair(run, sets, bound=bound, verdicts="blue:1", out=out)
    with pytest.raises(InputError, match="fewer than 5 of the 40 training images of 'red' are without"):
        repair(run, sets, bound=bound, method="groups", resume=True, out=out)
    assert [path.name for path in out.iterdir()] == ["diagnosis"]
    made = repair(run, sets, bound=bound, verdicts="red:1", method="tiles", again=False, resume=True, out=out)
    assert made.method == "tiles"


def test_a_given_diagnosis_is_not_left_behind_by_what_is_refused(
    run: Run, sets: ImageSets, tmp_path: Path
) -> None:
    bound = TiledModel(run.classifier(), stride=4)
    found = diagnose(bound, sets["train"], model="old", parts=["reasons", "verdicts"], faithfulness=0)
    for settings in ({"method": "groups"}, {"verdicts": "red:9"}):
        with pytest.raises(InputError):
            repair(run, sets, bound=bound, diagnosis=found, out=tmp_path / "new", **settings)  # type: ignore[arg-type]
        assert not (tmp_path / "new").exists()
