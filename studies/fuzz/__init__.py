"""Damaged files: every reader on wrong types, sizes, encodings, flipped bits and other files in a file's place.

Each case must be read, or refused in one line with exit code 2, in bounded memory and time, and change nothing.
"""

import argparse
import gc
import importlib
import pkgutil
from functools import partial
from pathlib import Path

import nearsight
from studies.cases import try_cases

# Modules that Nearsight imports only when they are used.
_USED = (
    "datasets", "lightning_fabric", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
    "onnxruntime", "pandas", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "safetensors.torch", "scipy.stats",
    "sklearn.datasets", "timm", "torch.utils.tensorboard", "torchmetrics", "xxhash",
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument(
        "--seed", type=int, default=0, help="the number of the first case, which decides all of it"
    )
    parser.add_argument("--only", default="", help="readers whose name and folder hold this")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="end after so long; go on by calling again"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("fuzz"), help="the material, each outcome, and what broke"
    )


def run(arguments: argparse.Namespace) -> None:
    """Try the cases that were not tried yet, keep what breaks, and print how many were read, refused and broken."""
    from studies.fuzz.material import make_material
    from studies.fuzz.trial import read_sound, try_case

    import_all()
    home = arguments.out.resolve() / "material"
    home.mkdir(parents=True, exist_ok=True)
    make_material(home)
    read_sound(home)
    # A garbage collection in a child would copy the memory that it shares with its parent.
    gc.collect()
    gc.freeze()
    seeds = range(arguments.seed, arguments.seed + arguments.cases)
    try_cases(seeds, arguments.out, arguments.seconds, partial(try_case, home, only=arguments.only))


def import_all() -> None:
    """Import once what each case would otherwise import in its own process."""
    for module in pkgutil.walk_packages(nearsight.__path__, "nearsight."):
        if module.name != "nearsight.__main__":
            importlib.import_module(module.name)
    for name in _USED:
        importlib.import_module(name)
