"""What is given for a parameter: of one of its types, or refused by its name before anything is done."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch

import nearsight
from nearsight import ImageSet, InputError, Machine, Progress
from nearsight.arguments import check, checked, shown
from nearsight.data.image_set import MemoryImages

NAN = float("nan")


class Unlike:
    """Of no type that a parameter takes, and it cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        (str | Path, ["a", Path("a")], [3, NAN, b"a", None, ["a"]]),
        (int | None, [3, np.int64(3), torch.tensor(3), None], [3.0, "3", NAN, np.zeros(2), [3]]),
        (float, [3, 0.5, NAN, np.float32(1), torch.tensor(0.5)], ["0.5", None, 1j, 10**400, np.zeros(2)]),
        (bool, [True, np.bool_(False)], ["yes", (), np.zeros(2), None]),
        (Literal["mean", "max"], ["mean", "sum"], [3, None, ["mean"]]),
        (Machine | None, [Machine(), None], ["cpu", object()]),
        (Progress | bool, [False, nearsight.progress.SILENT], ["no", torch.nn.Identity()]),
        (Sequence[str], [[], ["a"], np.array(["a"])], [3, None, torch.tensor(3)]),
        (Iterable[torch.Tensor], [torch.zeros(2, 2), iter([])], [3, torch.nn.Identity()]),
        (Mapping[str, int], [{}], [[], "a"]),
        (Callable[[int], int], [abs, torch.nn.Identity()], [3, "abs"]),
        (Annotated[int, "of something"], [3], ["3"]),
        ("of another module", [3, None], []),
        (Any, [3, None, Unlike()], []),
    ],
)
def test_values_are_held_against_annotations(kind: Any, taken: list[Any], refused: list[Any]) -> None:
    for value in taken:
        check("value", value, kind)
    for value in [*refused, *([Unlike()] if refused else [])]:
        with pytest.raises(InputError, match=r"^`value` takes ") as error:
            check("value", value, kind)
        assert len(str(error.value)) < 200


def test_what_is_shown_is_short_and_one_line() -> None:
    for value in ("x" * 10**6, np.zeros((50, 50)), list(range(10**5)), Unlike(), "a\nb"):
        assert len(shown(value)) <= 81
        assert "\n" not in shown(value)


def test_a_checked_function_keeps_its_signature_and_its_own_errors() -> None:
    @checked
    def twice(count: int, *more: Any, by: float = 2, **others: Any) -> list[Any]:
        return [count * by, *more, *others]

    assert list(inspect.signature(twice).parameters) == ["count", "more", "by", "others"]
    assert twice(3, "a", by=0.5, new="b") == [1.5, "a", "new"]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        twice()
    with pytest.raises(InputError, match="`by` takes a number, got 'x'"):
        twice(3, by="x")


def test_what_functions_are_given_inside_of_arguments_is_refused_too() -> None:
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    found = ImageSet("toy", "train", ("a", "b"), np.arange(4) % 2, MemoryImages(images, tuple("abcd")))
    model = nearsight.TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, stride=4)
    grid = nearsight.TileGrid(4, 4, tile=4, stride=4)
    wrong: list[Callable[[], Any]] = [
        lambda: found.select("ab"),
        lambda: found.select([0.5]),
        lambda: found.select([4]),
        lambda: found.select(np.zeros((2, 2), int)),
        lambda: model.embed([1]),
        lambda: model.logits([torch.zeros(3, 4)]),
        lambda: model.logits([torch.zeros(3, 4, 4), torch.zeros(3, 8, 8)]),
        lambda: list(model.maps([3])),
        lambda: model.full_pass(["cat.png"]),
        lambda: model.cost([]),
        lambda: model.cost([4]),
        lambda: nearsight.EvidenceMap(torch.zeros(1, 1, 1), grid, ("a",), removal="all"),
        lambda: nearsight.EvidenceMap(torch.zeros(1, 1, 1), grid, 1),
        lambda: nearsight.EvidenceMap(torch.zeros(1, 1, 1), grid, ("a",)).save("."),
        lambda: nearsight.report("nowhere", out="\ud800"),
        lambda: nearsight.Recipe(learning_rate=np.zeros(2)),
        lambda: nearsight.Classifier.of(torch.nn.Identity(), classes=3, std=torch.nn.ReLU()),
        lambda: nearsight.Classifier.of(torch.nn.Identity(), classes=3, crop=torch.zeros(2)),
    ]
    for call in wrong:
        with pytest.raises(InputError):
            call()
    assert found.select([2, -1]).labels.tolist() == [0, 1]
    assert len(found.select([])) == 0


@pytest.mark.parametrize(
    "name",
    [
        "load", "train", "compare", "evaluate", "predict", "heatmap", "diagnose", "dimension", "repair", "export",
        "report", "verify", "demo", "Run.open", "Evaluation.load", "Comparison.load", "CrossValidation.load",
        "Diagnosis.load", "Dimension.load", "Heatmaps.load", "Repair.load", "EvidenceMap.load", "Classifier.of",
    ],
)  # fmt: skip
def test_public_functions_refuse_other_types_by_name(name: str) -> None:
    function: Any = nearsight
    for part in name.split("."):
        function = getattr(function, part)
    parameters = inspect.signature(function).parameters.values()
    needed = {spec.name: "nowhere" for spec in parameters if spec.default is spec.empty and spec.kind < 4}
    refused = 0
    for spec in parameters:
        try:
            check(spec.name, Unlike(), Any if spec.annotation is spec.empty else spec.annotation)
        except InputError:
            refused += 1
            with pytest.raises(InputError, match=f"`{spec.name}` takes "):
                function(**needed | {spec.name: Unlike()})
    assert refused >= 1


@pytest.mark.parametrize("value", ["caf\udce9", Path("caf\udce9"), ["a", "caf\udce9"], (Path("\udcff"),)])
def test_text_that_no_file_of_ours_can_hold_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"^`out` has characters that are not UTF-8, such as '.*\\udc"):
        check("out", value, str | Path | Sequence[str | Path])
