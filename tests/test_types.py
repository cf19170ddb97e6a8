"""What a type checker says of code that uses the package: a user's file, and every example of the documents."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nearsight

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

USERS_FILE = """
import numpy as np
import torch

import nearsight
from nearsight.data import ImageSet
from nearsight.dimension import measure_dimension
from nearsight.evidence import forward

sets: nearsight.ImageSets = nearsight.load("digits")
test: ImageSet = sets["test"]
run: nearsight.Run = nearsight.train("digits", tile=4, recipe=nearsight.RECIPES["fast"], steps=2)
evaluation: nearsight.Evaluation = nearsight.evaluate(run, stride=2, protocols=["vote"])
predictions: nearsight.Predictions = nearsight.predict(run, ["photos"], out="predictions.csv", top=3)
comparison: nearsight.Comparison = nearsight.compare("digits", tiles=[4, None], seeds=1, budget="pixels", steps=2)
folded: nearsight.CrossValidation = nearsight.train("digits", folds=5, tile=4)
demo: nearsight.Demonstration = nearsight.demo("somewhere")
heatmaps: nearsight.Heatmaps = nearsight.heatmap(run, [test.image(0)], class_name="3")
diagnosis: nearsight.Diagnosis = nearsight.diagnose(run, images=10, machine=nearsight.Machine(device="cpu"))
repaired: nearsight.Repair = nearsight.repair(run, verdicts=["3:1"], method="swap")
few = nearsight.Sampling(points=100)
dimension: nearsight.Dimension = nearsight.dimension("digits", tiles=[4, None], sampling=few)
maps: list[nearsight.EvidenceMap] = nearsight.evidence(run.classifier(), torch.zeros(2, 3, 8, 8), tile=4)
grid: nearsight.TileGrid = maps[0].grid
field = nearsight.receptive_field(nearsight.build("resnet9", 10), 16)
classifier: nearsight.Classifier = run.classifier()
largest = nearsight.summarise(sets)["largest_tile"]
version: str = nearsight.__version__
try:
    nearsight.keep_freed_memory()
except nearsight.InputError as error:
    print(error, np.float64(1), forward, measure_dimension)
"""


def examples(document: Path) -> Iterator[str]:
    """Every block of Python in a document."""
    yield from re.findall(r"^```python\n(.*?)^```$", document.read_text(encoding="utf-8"), re.M | re.S)


def test_users_code_and_the_documents_examples_have_the_types_that_they_need(tmp_path: Path) -> None:
    files = {"users_file": USERS_FILE}
    for document in DOCUMENTS:
        # As a reader does: what follows on a page continues from what stands before.
        if code := "\n".join(examples(document)):
            files[document.stem.lower()] = code
    assert len(files) > 4
    for name, code in files.items():
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    # The cache is that of `mypy` in the project's directory, so that what is known already is not asked again.
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(tmp_path)]
    environment = {**os.environ, "MYPYPATH": str(Path(nearsight.__file__).parents[1])}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_package_says_that_it_has_types() -> None:
    room = Path(nearsight.__file__).parent
    assert (room / "py.typed").exists()


@pytest.mark.parametrize("name", nearsight.__all__)
def test_every_public_name_is_in_the_list_that_type_checkers_read(name: str) -> None:
    stub = Path(nearsight.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    assert f'    "{name}",\n' in stub
