"""The public names: what users may rely on, each there, and none of them costly before it is used."""

import inspect
import subprocess
import sys
from importlib.metadata import version
from types import FunctionType

import pytest

import nearsight

# Taking a name from this list breaks what users wrote; do it knowingly.
PUBLIC = [
    "RECIPES",
    "Classifier",
    "Comparison",
    "CrossValidation",
    "Demonstration",
    "Diagnosis",
    "Dimension",
    "Evaluation",
    "EvidenceMap",
    "Heatmaps",
    "ImageSet",
    "ImageSets",
    "InputError",
    "Machine",
    "Predictions",
    "Progress",
    "Recipe",
    "Repair",
    "Run",
    "Sampling",
    "TileGrid",
    "TiledModel",
    "build",
    "compare",
    "demo",
    "diagnose",
    "dimension",
    "embed",
    "evaluate",
    "evidence",
    "export",
    "heatmap",
    "keep_freed_memory",
    "load",
    "pack",
    "predict",
    "receptive_field",
    "repair",
    "report",
    "summarise",
    "train",
    "verify",
]


def test_the_public_names_are_these() -> None:
    assert sorted(nearsight.__all__) == sorted(PUBLIC)
    assert dir(nearsight) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_each_name_is_there_and_documented(name: str) -> None:
    assert getattr(nearsight, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="No nearsight attribute trian"):
        _ = nearsight.trian


@pytest.mark.parametrize("module", ["nearsight", "nearsight.cli.main"])
def test_importing_the_package_imports_nothing_heavy(module: str) -> None:
    heavy = ("torch", "datasets", "matplotlib", "sklearn", "scipy", "timm", "pandas", "numpy")
    script = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


SHADOWING = """
import importlib, pkgutil, random, sys, types
import nearsight

names = [found.name for found in pkgutil.walk_packages(nearsight.__path__, "nearsight.")]
names.remove("nearsight.__main__")
random.Random(0).shuffle(names)
for name in names:
    importlib.import_module(name)
import nearsight.evidence, nearsight.dimension
from nearsight.evidence import EvidenceMap
shadowed = [name for name in nearsight.__all__ if isinstance(getattr(nearsight, name), types.ModuleType)]
print(shadowed, len(names) > 100)
"""


def test_no_room_takes_the_name_of_a_function_in_an_order_of_imports_that_nobody_chose() -> None:
    ended = subprocess.run([sys.executable, "-c", SHADOWING], capture_output=True, text=True, check=True)
    assert ended.stdout == "[] True\n"


@pytest.mark.parametrize(
    "verb",
    [
        "compare",
        "demo",
        "diagnose",
        "dimension",
        "evaluate",
        "evidence",
        "heatmap",
        "pack",
        "repair",
        "report",
        "train",
        "verify",
    ],
)
def test_a_verb_is_a_plain_function_that_says_what_it_takes(verb: str) -> None:
    function = getattr(nearsight, verb)
    assert isinstance(function, FunctionType)
    kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    assert inspect.Parameter.VAR_POSITIONAL not in kinds


@pytest.mark.parametrize("verb", ["diagnose", "evaluate", "heatmap"])
def test_a_verb_that_looks_at_a_model_names_all_that_it_passes_on(verb: str) -> None:
    parameters = inspect.signature(getattr(nearsight, verb)).parameters
    bound = inspect.signature(nearsight.TiledModel).parameters
    assert parameters["stride"].kind is inspect.Parameter.KEYWORD_ONLY
    assert all(
        parameters[name].default == bound[name].default for name in ("tile", "stride", "grid", "memory")
    )
    assert {"classes", "weights", "network", "pretrained"} <= parameters.keys()
    with pytest.raises(TypeError, match="unexpected keyword argument 'strid'"):
        getattr(nearsight, verb)("timm:test_resnet", [], strid=2)


def test_the_rooms_named_like_verbs_can_be_imported_from() -> None:
    from nearsight.dimension import Dimension
    from nearsight.evidence import evidence

    assert nearsight.evidence is evidence
    assert nearsight.Dimension is Dimension


def test_the_version_is_that_of_the_distribution() -> None:
    assert nearsight.__version__ == version("nearsight")
