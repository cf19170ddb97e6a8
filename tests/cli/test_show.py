"""What the commands print of their results."""

import pytest

from nearsight.cli.show import print_evaluation


def test_metrics_that_do_not_exist_are_left_blank(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"single-tile": {"accuracy": 0.5, "interval": (0.25, 0.75), "top5": None, "ece": None}}
    print_evaluation(metrics, {"data": "toy", "split": "test", "images": 1000})
    told = capsys.readouterr().out
    assert "toy test, 1,000 images" in told
    assert "50.0 (25.0 to 75.0)" in told
    assert "None" not in told


def test_accuracies_stand_under_their_tile_and_stride(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"vote": {"accuracy": 0.5, "interval": (0.25, 0.75), "top5": 0.875, "ece": 0.0625}}
    settings = {"data": "toy", "split": "test", "images": 9, "tile": 16, "stride": 4, "grid": "covering"}
    print_evaluation(metrics, settings)
    told = capsys.readouterr().out
    assert "toy test, 9 images, tile 16, stride 4, covering grid" in told
    [row] = [line for line in told.splitlines() if "vote" in line]
    assert all(number in row for number in ("50.0 (25.0 to 75.0)", "87.5", "6.2"))


@pytest.mark.parametrize(("width", "tables"), [(80, 3), (100, 2), (140, 2), (200, 1)])
def test_measures_fit_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, tables: int
) -> None:
    estimate = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 9, "chance": None, "covers": "", "reason": None}
    measured = dict.fromkeys(("balanced_accuracy", "f1", "auroc", "average_precision"), estimate)
    metrics = {
        "mean-probability": {"accuracy": 0.5, "interval": (0.25, 0.75), "top5": None, "ece": 0.06, **measured}
    }
    monkeypatch.setattr("nearsight.cli.printing._width", lambda: width)
    print_evaluation(metrics, {"data": "toy", "split": "test", "images": 9})
    told = capsys.readouterr().out.splitlines()
    rows = [line for line in told if "mean-probability" in line]
    assert len(rows) == tables
    assert max(map(len, told)) <= width
    assert "".join(rows).count("50.0 (25.0 to 75.0)") == 5
    assert not any("top-5" in line for line in told)
