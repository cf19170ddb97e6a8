"""What runs on an accelerator: arguments that each benchmark takes, and arms that there are."""

import argparse
from pathlib import Path

import pytest
import torch
from benchmarks.arms import ARMS

from benchmarks import accelerator


def parsed(device: str) -> list[tuple[str, argparse.Namespace]]:
    """The name of each benchmark with its arguments, as the benchmark reads them."""
    read = []
    for benchmark, given in accelerator.plan(device, Path("out")):
        parser = argparse.ArgumentParser()
        benchmark.add_options(parser)
        read.append((benchmark.__name__.removeprefix("benchmarks."), parser.parse_args(given)))
    return read


def test_every_benchmark_takes_its_arguments_and_writes_below_the_directory_of_the_results() -> None:
    read = parsed("cuda")
    assert {name for name, _ in read} == {"ceilings", "evidence", "maps", "accuracy", "accuracy_table"}
    assert all(arguments.results.parent == Path("out") for _, arguments in read)
    assert all(arguments.device == "cuda" for name, arguments in read if name != "accuracy_table")


def test_the_training_arms_are_those_of_the_set() -> None:
    arms = [arguments.arms for name, arguments in parsed("cuda") if name == "accuracy"]
    assert len(arms) > 1
    assert all(arm in ARMS["cifar10"] for named in arms for arm in named)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_the_device_it_ends_in_one_line() -> None:
    parser = argparse.ArgumentParser()
    accelerator.add_options(parser)
    with pytest.raises(SystemExit, match=r"^device cuda is not here; run this on a machine that has it$"):
        accelerator.run(parser.parse_args([]))
