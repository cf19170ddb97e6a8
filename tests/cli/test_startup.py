"""Starting up imports nothing but the standard library: what a command needs is imported when it runs."""

import subprocess
import sys

import pytest

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
    "arguments", [[], ["--help"], ["--version"], ["data", "--help"], ["demo", "--help"]], ids=" ".join
)
def test_help_imports_no_other_package(arguments: list[str]) -> None:
    script = NEW_PACKAGES.format(arguments=arguments)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout
    assert ended.stderr == "['nearsight']\n"
