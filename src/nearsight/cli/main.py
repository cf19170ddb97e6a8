"""The commands: which one is meant, its options, and what it prints."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nearsight.allocator import keep_freed_memory
from nearsight.cli.boundary import DONE, bounded
from nearsight.cli.commands import (
    compare,
    data,
    demo,
    diagnose,
    dimension,
    embed,
    evaluate,
    export,
    heatmap,
    pack,
    predict,
    repair,
    report,
    train,
    verify,
)
from nearsight.cli.completion import completion_script, read_shell
from nearsight.cli.options import OneLineParser
from nearsight.cli.versions import installed_versions
from nearsight.cli.wording import in_options
from nearsight.errors import InputError, unknown_name
from nearsight.launch import require_one_process, this_launch, typed
from nearsight.progress import worded
from nearsight.shortage import ShortOfMemoryError
from nearsight.write import plain

TRACEBACK = "--traceback"


@dataclass(frozen=True)
class Command:
    """One command: its line in the help, how its options are declared, and what runs it.

    `together` says whether the processes of torchrun or srun can share its work.
    """

    text: str
    usage: str
    declare: Callable[[OneLineParser], None]
    run: Callable[[Any], dict[str, Any]]
    together: bool = False


COMMANDS = {
    "demo": Command(
        "Plant a shortcut, find it, prove it and repair it, in under three minutes.",
        "[--out DIR]",
        demo.declare,
        demo.run,
    ),
    "data": Command(
        "Show what a data set holds: splits, classes, sizes, the largest tile that fits.",
        "[DATA] [options]",
        data.declare,
        data.run,
    ),
    "train": Command(
        "Train a network on tiles or whole images, and evaluate it on the test split.",
        "DATA [--tile N|full] [--model NAME] [--recipe NAME|FILE] [options]",
        train.declare,
        train.run,
        together=True,
    ),
    "compare": Command(
        "Compare training on tiles with training on whole images, over paired seeds.",
        "DATA [--tiles 16,24,full] [--seeds N] [--budget steps|pixels] [options]",
        compare.declare,
        compare.run,
        together=True,
    ),
    "evaluate": Command(
        "Evaluate a trained run under every protocol.",
        "RUN [DATA] [--protocols NAME,…] [--stride N] [options]",
        evaluate.declare,
        evaluate.run,
        together=True,
    ),
    "predict": Command(
        "Predict images without labels: class, probability and margin of each.",
        "RUN IMAGES… [--out FILE.csv|FILE.parquet] [--top N] [--maps DIR] [--resume] [options]",
        predict.declare,
        predict.run,
        together=True,
    ),
    "heatmap": Command(
        "Draw tile by tile what a run or a published network sees in images.",
        "RUN IMAGE… [--class NAME] [--stride N] [--out DIR] [options]",
        heatmap.declare,
        heatmap.run,
        together=True,
    ),
    "diagnose": Command(
        "Find what a run or a published network relies on, and where it errs.",
        "RUN [DATA] [--stride N] [--images N] [--out DIR] [options]",
        diagnose.declare,
        diagnose.run,
        together=True,
    ),
    "repair": Command(
        "Train a new run without the shortcuts of an old one, and measure what changed.",
        "RUN [DATA] [--verdicts all|CLASS:N,…] [--method NAME] [--from-scratch] [--out DIR] [options]",
        repair.declare,
        repair.run,
    ),
    "export": Command(
        "Write a run's network as ONNX, TorchScript or torch.export, and check it.",
        "RUN [--format onnx|torchscript|torch-export] [--tile N] [--out FILE]",
        export.declare,
        export.run,
    ),
    "report": Command(
        "Draw the pages and figures of a directory of results again, from its files.",
        "DIR [--out DIR] [--margin POINTS]",
        report.declare,
        report.run,
    ),
    "verify": Command(
        "Check every file of a directory of results: whole, damaged, missing, or without a digest.",
        "DIR",
        verify.declare,
        verify.run,
    ),
    "embed": Command(
        "Write the embedding of every tile of a split, with its image, place and label, as Parquet.",
        "RUN [DATA] --out FILE.parquet [--split NAME] [--stride N] [options]",
        embed.declare,
        embed.run,
        together=True,
    ),
    "pack": Command(
        "Copy a set so that a tile costs the same wherever it lies in its image, with the same pixels.",
        "DATA --out DIR [--workers N]",
        pack.declare,
        pack.run,
    ),
    "dimension": Command(
        "Measure, before any training, how many dimensions tiles have and how well they are covered.",
        "DATA [--tiles 4,8,16,full] [--comparison DIR] [--out DIR] [options]",
        dimension.declare,
        dimension.run,
        together=True,
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, as the boundary determines it (`nearsight.cli.boundary.bounded`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return bounded(lambda: _main(given), given, shown=TRACEBACK in given)


def _main(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(_help())
        return DONE
    if given[0] in ("-V", "--version"):
        print(*installed_versions(), sep="\n")
        return DONE
    if given[0] == "--print-completion":
        print(completion_script(_declarations(), read_shell(given[1:])))
        return DONE
    if given[0] not in COMMANDS:
        raise unknown_name("command", given[0], COMMANDS)
    return _run(COMMANDS[given[0]], given[0], given[1:])


def _run(command: Command, name: str, arguments: list[str]) -> int:
    parser = OneLineParser(
        prog=f"nearsight {name}",
        usage=f"nearsight {name} {command.usage}",
        description=command.text,
        allow_abbrev=False,
    )
    _declare(command, parser)
    options = parser.parse_all(arguments)
    if not command.together:
        require_one_process(f"nearsight {name}")
    keep_freed_memory()
    # Pages read from it which run or set it is about, to name the next command.
    command_line = [name, *parser.options_last(arguments)]
    try:
        with _heard(), typed(command_line), worded(lambda text: in_options(text, parser.actions)):
            result = command.run(options)
    except ShortOfMemoryError as error:
        known = error.among({action.dest for action in parser.actions})
        error.args = (in_options(str(known), parser.actions),)
        raise
    except (InputError, KeyboardInterrupt) as error:
        error.args = (in_options(str(error), parser.actions),)
        raise
    if not options.json:
        return DONE
    with _heard():
        print(_in_one_line(result), flush=True)
    return DONE


def _in_one_line(result: dict[str, Any]) -> str:
    """Return a result as JSON whose letters can be read; what steers a terminal, as in a file's name, is escaped."""
    text = json.dumps(plain(result), ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


@contextmanager
def _heard() -> Iterator[None]:
    """While entered, only the first of several processes prints."""
    if this_launch().first:
        yield
        return
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _declare(command: Command, parser: OneLineParser) -> None:
    command.declare(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")
    parser.add_argument("--quiet", action="store_true", help="print no progress on stderr")
    parser.add_argument(TRACEBACK, action="store_true", help="show where an error was raised")


def _declarations() -> dict[str, tuple[str, Callable[[OneLineParser], None]]]:
    return {name: (command.text, partial(_declare, command)) for name, command in COMMANDS.items()}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.text}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Train image classifiers, see tile by tile what they rely on, and repair shortcuts.",
            "",
            "usage: nearsight COMMAND …",
            "",
            *lines,
            "",
            "'nearsight COMMAND --help' shows the options of a command; start with 'nearsight demo'.",
            "'nearsight --version' shows the versions for a bug report, and",
            "'nearsight --print-completion bash|zsh|tcsh' prints a script for tab completion.",
        ]
    )
