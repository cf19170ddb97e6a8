"""The command `python -m benchmarks NAME`."""

import argparse

from benchmarks import (
    accelerator,
    accuracy,
    accuracy_table,
    batches,
    ceilings,
    decode_memory,
    decoding,
    diagnosis,
    evidence,
    freed_memory,
    large,
    large_set,
    many_classes,
    maps,
    packed,
    parquet,
    pictures_kept,
    removal,
    small_grids,
    startup,
    step,
    streaming,
)
from nearsight.allocator import keep_freed_memory

BENCHMARKS = {
    "accelerator": accelerator,
    "accuracy": accuracy,
    "accuracy-table": accuracy_table,
    "batches": batches,
    "ceilings": ceilings,
    "decode-memory": decode_memory,
    "decoding": decoding,
    "diagnosis": diagnosis,
    "evidence": evidence,
    "freed-memory": freed_memory,
    "large": large,
    "large-set": large_set,
    "many-classes": many_classes,
    "maps": maps,
    "packed": packed,
    "parquet": parquet,
    "pictures-kept": pictures_kept,
    "removal": removal,
    "small-grids": small_grids,
    "startup": startup,
    "step": step,
    "streaming": streaming,
}


def main() -> None:
    """Run the benchmark that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks of Nearsight.")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, benchmark in BENCHMARKS.items():
        summary = (benchmark.__doc__ or "").partition("\n")[0]
        benchmark.add_options(names.add_parser(name, help=summary, description=summary))
    arguments = parser.parse_args()
    keep_freed_memory()  # as the command line does
    BENCHMARKS[arguments.name].run(arguments)


if __name__ == "__main__":
    main()
