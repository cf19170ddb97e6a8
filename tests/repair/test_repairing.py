"""A whole repair, from a run to a run; what chooses has tests of its own, and the stamp is given here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nearsight import training
from nearsight.data import ImageSet, ImageSets
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.repair import repairing
from nearsight.repair.asked import begin, read_asked
from nearsight.repair.choosing import Chosen
from nearsight.repair.repairing import repair
from nearsight.repair.result import Repair
from nearsight.repair.shortcut import Shortcut
from nearsight.runs import Run
from nearsight.settings import RECIPES

Repairing = Callable[..., Repair]


@pytest.fixture
def sets(painted: Callable[..., ImageSet]) -> ImageSets:
    test = painted(each=10, share=0.6)
    return ImageSets("painted", {"train": painted(each=30), "test": replace(test, split="test")})


@pytest.fixture
def run(sets: ImageSets, tmp_path: Path) -> Run:
    recipe = replace(RECIPES["fast"], data="painted", tile=8, steps=4, width=0.1, batch_size=16)
    return training.train(recipe, sets, tmp_path / "old")


class Given(SimpleNamespace):
    """A diagnosis of training images, as far as it is read once its verdicts are chosen."""

    def save(self, directory: Path) -> None:
        (directory).mkdir(parents=True, exist_ok=True)
        (directory / "diagnosis.json").write_text("{}")


@pytest.fixture
def repaired(
    run: Run,
    sets: ImageSets,
    mark: Callable[..., Shortcut],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Repairing:
    """Return what repairs the run of its stamp."""
    stamp = replace(mark(sets["train"]), in_test=mark(sets["test"]).in_test)
    given = Given(
        tile=8,
        stride=4,
        grid="covering",
        decision="mean-logit",
        notes=(),
        split="train",
        images=90,
        seed=0,
        classes=sets.classes,
        class_images=(30,) * 3,
    )
    monkeypatch.setattr(repairing, "_diagnosis", lambda *_: given)
    monkeypatch.setattr(repairing, "choose", lambda *_: ())
    monkeypatch.setattr(repairing, "left_alone", lambda *_: ("red:2 is left as it is",))
    monkeypatch.setattr(repairing, "find_shortcuts", lambda *_, **__: (stamp,))

    def make(**settings: Any) -> Repair:
        bound = TiledModel(run.classifier(), stride=4)
        return repair(run, sets, **{"bound": bound, "out": tmp_path / "new", "again": False} | settings)

    return make


def test_a_repair_leaves_a_run_and_is_read_again(repaired: Repairing, tmp_path: Path) -> None:
    made = repaired()
    assert (made.method, made.shortcuts[0].train_images, made.shortcuts[0].test_without) == ("swap", 15, 4)
    assert [row.images for row in made.groups] == [6, 4]
    new = Run.open(tmp_path / "new" / "run")
    assert new.recipe.steps == made.cost.steps == 2
    read = Repair.load(tmp_path / "new")
    assert (read.groups, read.sentences()) == (made.groups, made.sentences())
    assert read.sentences()[1] == "red:2 is left as it is"


def test_what_is_removed_is_said_before_its_images_are_looked_for(
    repaired: Repairing, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp: Any = SimpleNamespace(told="a red stamp", ruled=tuple(range(25)))
    chosen = Chosen(0, 0, True), Chosen(1, 2, True, stamp)
    monkeypatch.setattr(repairing, "choose", lambda *_: chosen)
    found = repairing.find_shortcuts
    begun: list[int] = []
    monkeypatch.setattr(
        repairing,
        "find_shortcuts",
        lambda *some, **more: begun.append(len(listener.said)) or found(*some, **more),
    )
    repaired(progress=listener)
    names = [line for line in listener.said if line.startswith("to be removed: ")]
    assert [name.partition(":")[2].partition(":")[2] for name in names] == [
        "background (its background)",
        "2 (a red stamp)",
    ]
    assert listener.said.index(names[-1]) < begun[0]
    [few] = [line for line in listener.said if "learned from" in line]
    assert few.startswith("warning: 25 of 30 images of ")


def test_a_repair_goes_on_to_the_same_end(repaired: Repairing) -> None:
    first = repaired()
    with pytest.raises(InputError, match="give `resume=True`"):
        repaired()
    again = repaired(resume=True)
    assert (again.groups, again.moved, again.cost) == (first.groups, first.moved, first.cost)


@pytest.mark.parametrize("older", [False, True])
def test_a_run_of_other_edits_is_not_gone_on_with(
    repaired: Repairing, older: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repaired()
    asked = tmp_path / "new" / "asked.json"
    if older:
        # It did not say on what it trained.
        begin(tmp_path / "new", replace(read_asked(tmp_path / "new"), material=None))
    else:
        [stamp] = repairing.find_shortcuts()  # type: ignore[call-arg]
        paler = replace(stamp, put_on=lambda images, i: images.image(i) // 2 + 100)
        monkeypatch.setattr(repairing, "find_shortcuts", lambda *_, **__: (paler,))
    held = asked.read_bytes(), (tmp_path / "new" / "repair.json").read_bytes()
    said = "an older version began it" if older else "edited otherwise than they would be now"
    with pytest.raises(InputError, match=said):
        repaired(resume=True)
    assert held == (asked.read_bytes(), (tmp_path / "new" / "repair.json").read_bytes())


def test_a_diagnosis_that_proved_nothing_is_of_the_same_tiles_and_seed(
    run: Run, sets: ImageSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Given] = []

    def diagnose(bound: TiledModel, *given: Any) -> Given:
        tile, stride = bound.sides()
        made.append(Given(tile=tile, stride=stride, grid=bound.grid, seed=given[3]))
        return made[-1]

    def nothing(*_: Any) -> None:
        raise InputError("nothing to repair")

    monkeypatch.setattr(repairing, "_diagnosed", diagnose)
    monkeypatch.setattr(repairing.Diagnosis, "load", lambda _: made[-1])
    monkeypatch.setattr(repairing, "_check_diagnosis", lambda *_: None)
    monkeypatch.setattr(repairing, "choose", nothing)
    for stride, seed, again in ((4, 0, False), (4, 0, True), (2, 0, True), (2, 1, True), (2, 1, True)):
        bound = TiledModel(run.classifier(), stride=stride)
        with pytest.raises(InputError, match="nothing to repair"):
            repair(run, sets, bound=bound, seed=seed, out=tmp_path / "new", resume=again)
    assert [(one.stride, one.seed) for one in made] == [(4, 0), (2, 0), (2, 1)]


def test_the_diagnosis_is_told_of_before_anything_is_chosen_by_it(
    run: Run, sets: ImageSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    bound, told = TiledModel(run.classifier(), stride=4), []
    tile, stride = bound.sides()
    made = Given(tile=tile, stride=stride, grid=bound.grid)
    monkeypatch.setattr(repairing, "_diagnosed", lambda *_: made)
    monkeypatch.setattr(repairing, "choose", interrupted)
    kept = tmp_path / "new" / "diagnosis" / "diagnosis.json"
    with pytest.raises(KeyboardInterrupt):
        repair(
            run,
            sets,
            bound=bound,
            out=tmp_path / "new",
            once_diagnosed=lambda: told.append(kept.is_file()),
        )
    assert told == [True]


def test_from_scratch_is_the_recipe_of_the_run(repaired: Repairing, run: Run, tmp_path: Path) -> None:
    repaired(from_scratch=True)
    assert Run.open(tmp_path / "new" / "run").recipe == run.recipe


def test_the_last_layer_takes_no_step(repaired: Repairing, run: Run, tmp_path: Path) -> None:
    made = repaired(method="last-layer")
    assert (made.method, made.cost.steps, made.cost.flops) == ("last-layer", 0, 0)
    pixels = [one.training["pixels_per_image"] for one in (run, Run.open(tmp_path / "new" / "run"))]
    assert pixels[0] == pixels[1] > 0
    with pytest.raises(InputError, match="`from_scratch` is not possible"):
        repaired(method="last-layer", from_scratch=True, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"verdicts": "rde:1"}, "did you mean 'red'"),
        ({"method": "swp"}, "did you mean 'swap'"),
        ({"method": "last-layer", "from_scratch": True}, "`from_scratch` is not possible"),
        ({"column": "camra"}, "unknown column 'camra'"),
        ({"diagnosis": SimpleNamespace(split="test")}, "test images must not decide"),
        ({"diagnosis": SimpleNamespace(split="val")}, "does not have"),
    ],
)
def test_bad_input_writes_nothing(
    repaired: Repairing, settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        repaired(**settings)
    assert not (tmp_path / "new").exists()


def test_a_run_that_is_not_finished_or_of_other_images_is_refused(
    run: Run, sets: ImageSets, tmp_path: Path, painted: Callable[..., ImageSet]
) -> None:
    bound = TiledModel(run.classifier(), stride=4)
    fewer = ImageSets("painted", {**sets, "train": painted(each=29)})
    with pytest.raises(InputError, match="was trained on 90 images of painted, and the set now gives 87"):
        repair(run, fewer, bound=bound, out=tmp_path / "new")
    (run.directory / "result.json").unlink()
    with pytest.raises(InputError, match="is not finished"):
        repair(run, sets, bound=bound, out=tmp_path / "new")
