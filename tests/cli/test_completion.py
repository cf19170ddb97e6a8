"""Shells complete commands, options and the values that an option's help names."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nearsight.cli.completion import SHELLS
from nearsight.cli.main import COMMANDS, main
from nearsight.settings import RECIPES


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script that bash reads."""
    script = tmp_path_factory.mktemp("completion") / "nearsight.bash"
    with pytest.MonkeyPatch.context() as patch, script.open("w") as file:
        patch.setattr("sys.stdout", file)
        assert main(["--print-completion", "bash"]) == 0
    return script


def completed(bash: Path, *words: str) -> set[str]:
    """What bash proposes for the last of the words."""
    typed = " ".join(f"'{word}'" for word in ("nearsight", *words))
    ask = f"COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _shtab_nearsight; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    ended = subprocess.run(
        ["bash", "-c", f"source '{bash}'; {ask}"], capture_output=True, text=True, check=True
    )
    return set(ended.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_options_and_values(bash: Path) -> None:
    assert set(COMMANDS) <= completed(bash, "")
    assert completed(bash, "re") == {"repair", "report"}
    assert completed(bash, "compare", "digits", "--budget", "") == {"steps", "pixels"}
    assert {"auto", *RECIPES} == completed(bash, "train", "digits", "--recipe", "")
    assert completed(bash, "train", "digits", "--batch-s") == {"--batch-size"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_that_names_every_command(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "got"), [([], ""), (["fsh"], ", got 'fsh'"), (["a", "b"], ", got 'a b'")]
)
def test_another_shell_is_refused_with_those_there_are(
    arguments: list[str], got: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--print-completion", *arguments]) == 2
    told = capsys.readouterr().err
    assert told == f"nearsight: --print-completion takes one of bash, zsh, tcsh{got}\n"
