"""Commands as real processes in odd environments: closed and broken streams, encodings, terminals, full devices."""

import argparse
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image

from studies.small_folder import write_small_folder

# Names in scripts that fonts and encodings lack, and one that steers a terminal.
CLASSES = ("猫", "कुत्ता", "owl\x1b[31m")
QUICK = ("--device", "cpu", "--workers", "0")
TRAINED = (
    "--tile",
    "6",
    "--steps",
    "2",
    "--batch-size",
    "8",
    "--width",
    "0.1",
    "--validation",
    "0",
    "--stride",
    "3",
)
# What each command is given; every one finds what those before it left.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "help": ("--help",),
    "version": ("--version",),
    "nonsense": ("nonsense",),
    "data": ("data", "images"),
    "data of none": ("data", "none"),
    "train": ("train", "images", "--recipe", "fast", "--precision", "float32", *TRAINED, "--out", "run", *QUICK),
    "evaluate": ("evaluate", "run", "--stride", "3", "--out", "run", *QUICK),
    "predict": ("predict", "run", "images/test", "--stride", "3", "--json", *QUICK),
    "heatmap": ("heatmap", "run", "images/test", "--stride", "3", "--out", "heatmaps", "--device", "cpu"),
    "diagnose": ("diagnose", "run", "--stride", "3", "--images", "12", "--out", "diagnosis", *QUICK),
    "export": ("export", "run", "--format", "torchscript", "--out", "exported"),
    "embed": ("embed", "run", "--stride", "3", "--out", "tiles.parquet", *QUICK),
    "pack": ("pack", "photographs", "--out", "packed", "--workers", "0"),
    "dimension": ("dimension", "images", "--tiles", "4,6", "--points", "60", "--out", "dimension", "--device", "cpu"),
    "compare": (
        "compare", "images", "--tiles", "6,full", "--seeds", "2", "--steps", "2", "--batch-size", "8",
        "--width", "0.1", "--out", "comparison", *QUICK,
    ),
    "report": ("report", "diagnosis"),
    "verify": ("verify", "run", "--json"),
}  # fmt: skip
REFUSED = {"nonsense", "data of none"}
# What looks at files whose names are in other scripts.
NAMED = {
    "data",
    "train",
    "evaluate",
    "predict",
    "heatmap",
    "diagnose",
    "embed",
    "pack",
    "dimension",
    "compare",
}


@dataclass(frozen=True)
class Surroundings:
    """What is odd around a process: variables, and the streams that are closed, full, unread or a terminal.

    `refuses` says that names in other scripts cannot be read in it, so that commands refuse the set.
    """

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    full: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()
    terminal: bool = False
    refuses: bool = False


PLAIN = Surroundings("plain")
SURROUNDINGS = (
    PLAIN,
    Surroundings("stdout is closed", closed=(1,)),
    Surroundings("stderr is closed", closed=(2,)),
    Surroundings("stdin is closed", closed=(0,)),
    Surroundings("all streams are closed", closed=(0, 1, 2)),
    Surroundings("stdout is full", full=(1,)),
    Surroundings("stderr is full", full=(2,)),
    Surroundings("nobody reads stdout", unread=(1,)),
    Surroundings("nobody reads stderr", unread=(2,)),
    Surroundings("ASCII", {"PYTHONIOENCODING": "ascii"}),
    Surroundings("Latin-1", {"PYTHONIOENCODING": "latin-1"}),
    Surroundings("ASCII, strict", {"PYTHONIOENCODING": "ascii:strict"}),
    Surroundings("LANG=C", {"LANG": "C", "LC_ALL": "C"}),
    Surroundings(
        "LANG=C as it is",
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        refuses=True,
    ),
    Surroundings("LANG of no locale", {"LANG": "xx_XX.none", "LC_ALL": "xx_XX.none"}),
    Surroundings("TERM=dumb, terminal", {"TERM": "dumb"}, terminal=True),
    Surroundings("no TERM, terminal", {"TERM": ""}, terminal=True),
    Surroundings("terminal", {"TERM": "xterm-256color"}, terminal=True),
    Surroundings("COLUMNS=1, terminal", {"COLUMNS": "1", "LINES": "1", "TERM": "xterm"}, terminal=True),
    Surroundings("ASCII, terminal", {"PYTHONIOENCODING": "ascii", "TERM": "xterm"}, terminal=True),
    Surroundings("COLUMNS=1", {"COLUMNS": "1"}),
    Surroundings("COLUMNS is no number", {"COLUMNS": "wide"}),
    Surroundings("SOURCE_DATE_EPOCH is no number", {"SOURCE_DATE_EPOCH": "yesterday"}),
    Surroundings("SOURCE_DATE_EPOCH is vast", {"SOURCE_DATE_EPOCH": "9" * 30}),
    Surroundings("MPLBACKEND is unknown", {"MPLBACKEND": "nonsense"}),
    Surroundings("no home", {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}),
    Surroundings("TMPDIR is missing", {"TMPDIR": "/nonexistent"}),
    Surroundings("no docstrings", {"PYTHONOPTIMIZE": "2"}),
    Surroundings("TZ is unknown", {"TZ": "Nowhere/Never"}),
)


@dataclass(frozen=True)
class Said:
    """What a process said, and how it ended."""

    code: int
    out: str
    err: str

    def broken(self, command: str, around: Surroundings) -> str:
        """Return what of the promise was broken; nothing if it was kept."""
        both = self.out + self.err
        if any(
            word in both for word in ("Traceback", "Warning:", "Exception ignored", "not foreseen", "Error:")
        ):
            return "said what is no line of ours"
        refused = command in REFUSED or 1 in around.full
        if around.refuses and command in NAMED:
            refused = True
        if self.code != (2 if refused else 0):
            return f"ended with {self.code}"
        if "\x1b[31m" in both:
            return "a name steered the terminal"
        heard = 2 not in (*around.closed, *around.full, *around.unread)
        if self.code == 2 and heard:
            lines = [line for line in self.err.splitlines() if line.startswith("nearsight: ")]
            if len(lines) != 1:
                return f"refused in {len(lines)} lines"
        return ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), metavar="NAME", help="only these")
    parser.add_argument("--home", type=Path, default=Path("home"), help="what all commands left; made once")
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="surroundings whose names contain one of these"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run each command in each of the surroundings, and print what broke and how many kept the promise."""
    kept, broken = 0, 0
    if not arguments.home.exists():
        make_home(arguments.home)
    for around in SURROUNDINGS:
        if arguments.only and not any(text in around.name for text in arguments.only):
            continue
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory) / "home"
            shutil.copytree(arguments.home, home)
            for command, said in tried(arguments.commands, around, home):
                what = said.broken(command, around)
                kept, broken = (kept, broken + 1) if what else (kept + 1, broken)
                if what:
                    print(
                        f"{around.name}: {command}: {what}\n{said.out[-600:]}\n{said.err[-1500:]}", flush=True
                    )
        print(f"{around.name}: done, {kept} kept the promise so far, {broken} broke it", flush=True)


def make_home(home: Path) -> None:
    """Make images, and what each command leaves of them in plain surroundings."""
    make_images(home)
    for command, said in tried(list(COMMANDS), PLAIN, home):
        if what := said.broken(command, PLAIN):
            raise SystemExit(f"{command}, in plain surroundings: {what}\n{said.out}\n{said.err}")


def make_images(home: Path, side: int = 12) -> None:
    """Write a small set whose classes have the names of `CLASSES`, and a photograph in each of two classes."""
    random = np.random.default_rng(0)
    for name in CLASSES[:2]:
        place = home / "photographs" / "train" / name
        place.mkdir(parents=True)
        Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((640, 480)).save(
            place / "0.jpg"
        )
    write_small_folder(home / "images", CLASSES, side, random)


def tried(commands: Sequence[str], around: Surroundings, home: Path) -> Iterator[tuple[str, Said]]:
    """Yield what each command said, run one after the other in a directory."""
    for command in commands:
        yield command, say(COMMANDS[command], around, home)


def say(given: Sequence[str], around: Surroundings, home: Path) -> Said:
    """Return what a command says in some surroundings, in a process of its own."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "LINES", "TERM", "LANG", "LC_ALL")
    }
    here = Path(__file__).parents[1]
    environment |= {
        "PYTHONPATH": f"{here / 'src'}:{here}",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **around.variables,
    }
    with ExitStack() as stack:
        out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        streams = {1: out.fileno(), 2: err.fileno()}
        shown: list[bytes] = []
        reader: Thread | None = None
        if around.terminal:
            ours, theirs = pty.openpty()
            streams = {1: theirs, 2: theirs}
            reader = Thread(target=_read, args=(ours, shown))
            reader.start()
        for number in around.full:
            streams[number] = stack.enter_context(Path("/dev/full").open("wb")).fileno()
        for number in around.unread:
            reading, writing = os.pipe()
            os.close(reading)
            streams[number] = writing

        def close() -> None:
            for number in around.closed:
                os.close(number)

        process = subprocess.Popen(
            [sys.executable, "-m", "nearsight", *given],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=streams[1],
            stderr=streams[2],
            preexec_fn=close if around.closed else None,
        )
        code = process.wait()
        if reader is not None:
            os.close(theirs)
            reader.join()
        found = []
        for file in (out, err):
            file.seek(0)
            found.append(file.read().decode("utf-8", "replace"))
        if around.terminal:
            found[1] = b"".join(shown).decode("utf-8", "replace").replace("\r\n", "\n")
        for number in around.unread:
            os.close(streams[number])
    return Said(code, *found)


def _read(terminal: int, shown: list[bytes]) -> None:
    with suppress(OSError):
        while some := os.read(terminal, 4096):
            shown.append(some)
    os.close(terminal)
