"""The command `python -m studies NAME`."""

import argparse

from studies import (
    columns,
    coverage,
    environments,
    folds,
    fuzz,
    gate,
    hostile,
    installs,
    many_classes,
    mark,
    more_examples,
    near_duplicates,
    other_half,
    paper,
    photographs,
    pooling,
    recipes,
    reliance,
    repair,
    repaired_folders,
    shortcuts,
    textures,
    truth,
    undertrained,
)

STUDIES = {
    "columns": columns,
    "coverage": coverage,
    "environments": environments,
    "folds": folds,
    "fuzz": fuzz,
    "gate": gate,
    "hostile": hostile,
    "installs": installs,
    "many-classes": many_classes,
    "mark": mark,
    "more-examples": more_examples,
    "near-duplicates": near_duplicates,
    "other-half": other_half,
    "paper": paper,
    "pooling": pooling,
    "recipes": recipes,
    "photographs": photographs,
    "reliance": reliance,
    "repair": repair,
    "repaired-folders": repaired_folders,
    "shortcuts": shortcuts,
    "textures": textures,
    "truth": truth,
    "undertrained": undertrained,
}


def main() -> None:
    """Run the study that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m studies", description="Studies of Nearsight.")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, study in STUDIES.items():
        summary = (study.__doc__ or "").partition("\n")[0]
        study.add_options(names.add_parser(name, help=summary, description=summary))
    arguments = parser.parse_args()
    STUDIES[arguments.name].run(arguments)


if __name__ == "__main__":
    main()
