"""The public names: what users may rely on, each there, and none of them costly before it is used."""

import subprocess
import sys

import pytest

import nearsight

# Taking a name from this list breaks what users wrote; do it knowingly.
PUBLIC = [
    "RECIPES",
    "Classifier",
    "Comparison",
    "Diagnosis",
    "Dimension",
    "Evaluation",
    "EvidenceMap",
    "Heatmaps",
    "ImageSet",
    "ImageSets",
    "InputError",
    "Machine",
    "Recipe",
    "Run",
    "Sampling",
    "TileGrid",
    "build",
    "compare",
    "demo",
    "diagnose",
    "dimension",
    "evaluate",
    "heatmap",
    "keep_freed_memory",
    "load",
    "receptive_field",
    "summarise",
    "train",
]


def test_the_public_names_are_these() -> None:
    assert sorted(nearsight.__all__) == sorted(PUBLIC)
    assert dir(nearsight) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_each_name_is_there_and_documented(name: str) -> None:
    assert getattr(nearsight, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = nearsight.trian


@pytest.mark.parametrize("module", ["nearsight", "nearsight.cli.main"])
def test_importing_the_package_imports_nothing_heavy(module: str) -> None:
    heavy = ("torch", "datasets", "matplotlib", "sklearn", "scipy", "timm", "pandas", "numpy")
    script = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_the_room_of_evidence_is_its_verb_too() -> None:
    import torch

    maps = nearsight.evidence(lambda tiles: tiles.mean((2, 3)), torch.ones(2, 3, 6, 8), tile=4, stride=2)
    assert [found.logits.shape for found in maps] == [(3, 2, 3)] * 2
