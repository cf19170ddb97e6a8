"""Starting up imports nothing but the standard library: what a command needs is imported when it runs."""

import subprocess
import sys

import pytest

from nearsight.cli.main import COMMANDS

NEW_PACKAGES = """
import sys
before = set(sys.modules)
from nearsight.cli.main import main
try:
    main({arguments})
except SystemExit:
    pass
packages = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(packages - sys.stdlib_module_names), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)], ids=" ".join
)
def test_help_imports_no_other_package(arguments: list[str]) -> None:
    script = NEW_PACKAGES.format(arguments=arguments)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout
    assert ended.stderr == "['lazy_loader', 'nearsight']\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "digits", "--epocs", "2"],
        ["train", "digits", "--recipe", "fsat"],
        ["compare", "digits", "--batch-size", "many"],
        ["compare", "digits", "--tiles", "16,sixteen"],
        ["diagnose", "--model", "resnet18", "digits"],
        ["dimension", "digits", "--points", "0"],
        ["evaluate", "runs/one", "--stride", "none"],
    ],
    ids=" ".join,
)
def test_bad_options_are_refused_before_anything_is_imported(arguments: list[str]) -> None:
    script = NEW_PACKAGES.format(arguments=arguments)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    message, imported = ended.stderr.splitlines()
    assert message.startswith("nearsight: ")
    assert imported == "['lazy_loader', 'nearsight']"


def test_what_asks_for_no_diagnosis_imports_none_and_no_figures() -> None:
    script = (
        "import sys; from nearsight.cli.main import main; main(['data']); "
        "print({'nearsight.diagnosis', 'nearsight.report', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stderr == "set()\n"
