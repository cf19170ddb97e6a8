"""Weights & Biases and MLflow are told the rows of metrics.csv, go on where a run goes on, and never cost a run."""

import csv
import importlib.machinery
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from nearsight.data import ImageSets
from nearsight.errors import InputError
from nearsight.settings import Machine, Recipe
from nearsight.training import Interrupted, train


@dataclass
class Service:
    """What a service was told: runs by their id, with their settings, rows and end."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: str | None = None

    def begin(self, title: str, recipe: dict[str, Any], identity: str | None) -> str:
        if self.fails == "begin":
            raise ConnectionError("nobody is there")
        identity = identity or f"id-{len(self.runs)}"
        run = self.runs.setdefault(identity, {"title": title, "recipe": dict(recipe), "rows": {}, "begun": 0})
        run["begun"] += 1
        return identity

    def row(self, identity: str, values: dict[str, float], step: int | None) -> None:
        if self.fails == "row":
            raise ConnectionError("the line is dead")
        self.runs[identity]["rows"].setdefault(step, {}).update(values)


def fake_wandb(service: Service) -> ModuleType:
    """As much of `wandb` as is used."""

    def init(*, name: str, config: dict[str, Any], id: str | None, **_: Any) -> Any:  # noqa: A002
        identity = service.begin(name, config, id)

        def finish(exit_code: int) -> None:
            service.runs[identity]["end"] = {0: "success", 130: "aborted", 1: "failed"}[exit_code]

        return SimpleNamespace(
            id=identity, log=lambda values, step: service.row(identity, values, step), finish=finish
        )

    module = ModuleType("wandb")
    module.init, module.Settings = init, SimpleNamespace  # type: ignore[attr-defined]
    return module


def fake_mlflow(service: Service) -> ModuleType:
    """As much of `mlflow` as is used."""

    class MlflowClient:
        def get_experiment_by_name(self, name: str) -> Any:
            return None if service.runs else SimpleNamespace(experiment_id=name)

        def create_experiment(self, name: str) -> str:
            return name

        def create_run(self, _: str, run_name: str) -> Any:
            return SimpleNamespace(info=SimpleNamespace(run_id=service.begin(run_name, {}, None)))

        def update_run(self, identity: str, status: str) -> None:
            assert status == "RUNNING"
            service.begin("", {}, identity)

        def log_param(self, identity: str, name: str, value: Any) -> None:
            service.runs[identity]["recipe"][name] = value

        def log_metric(self, identity: str, name: str, value: float, step: int) -> None:
            service.row(identity, {name: value}, step)

        def set_terminated(self, identity: str, status: str) -> None:
            ends = {"FINISHED": "success", "KILLED": "aborted", "FAILED": "failed"}
            service.runs[identity]["end"] = ends[status]

    module = ModuleType("mlflow")
    module.MlflowClient = MlflowClient  # type: ignore[attr-defined]
    return module


@pytest.fixture(params=["wandb", "mlflow"])
def named(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def service(named: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service of which nothing is installed but what is used."""
    service = Service()
    module = {"wandb": fake_wandb, "mlflow": fake_mlflow}[named](service)
    module.__spec__ = importlib.machinery.ModuleSpec(named, None, origin="here")
    monkeypatch.setitem(sys.modules, named, module)
    return service


def test_a_service_is_told_the_rows_of_the_file_also_of_a_run_that_went_on(
    service: Service, named: Any, recipe: Recipe, sets: ImageSets, stop_at: Callable[..., Any], tmp_path: Path
) -> None:
    machine = Machine(device="cpu", log=(named,))
    run = tmp_path / "tile-8" / "seed-0"
    with pytest.raises(Interrupted):
        train(recipe, sets, run, machine=machine, progress=stop_at(3))
    assert [told["end"] for told in service.runs.values()] == ["aborted"]
    train(recipe, sets, run, machine=machine, resume=True)
    (told,) = service.runs.values()
    assert (told["title"], told["begun"], told["end"]) == ("tile-8/seed-0", 2, "success")
    assert told["recipe"]["batch_size"] == recipe.batch_size
    with (run / "metrics.csv").open(newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    assert told["rows"].keys() == rows.keys()
    for step, values in told["rows"].items():
        assert values == {name: float(rows[step][name.partition("/")[2]]) for name in values}
        assert "training/loss" in values


def test_a_service_that_fails_is_told_of_once_and_the_run_is_finished(
    service: Service, named: Any, recipe: Recipe, sets: ImageSets, listener: Any, tmp_path: Path
) -> None:
    service.fails = "row"
    train(recipe, sets, tmp_path / "run", machine=Machine(device="cpu", log=(named,)), progress=listener)
    (warning,) = [line for line in listener.said if "takes no more rows" in line]
    assert "the line is dead" in warning
    assert warning.endswith("metrics.csv has them all")
    assert (tmp_path / "run" / "result.json").is_file()


def test_a_service_that_refuses_to_begin_is_bad_input_before_the_first_step(
    service: Service, named: Any, recipe: Recipe, sets: ImageSets, tmp_path: Path
) -> None:
    service.fails = "begin"
    machine = Machine(device="cpu", log=(named,))
    with pytest.raises(InputError, match=f"{named} cannot record this run: nobody is there; .* out of `log`"):
        train(recipe, sets, tmp_path / "run", machine=machine)
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1
    train(recipe, sets, tmp_path / "run", machine=Machine(device="cpu"), resume=True)
