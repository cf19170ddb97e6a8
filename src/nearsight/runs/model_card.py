"""The model card of a run: what it is, how it was trained and how good it is, written from its files."""

from collections.abc import Iterator, Mapping
from typing import Any

from nearsight.errors import listed
from nearsight.runs.evaluation_words import how_cut, written_accuracy
from nearsight.settings import Recipe


def model_card(repo_id: str, recipe: Recipe, result: Mapping[str, Any], classes: tuple[str, ...]) -> str:
    """Return the README.md of a run's repository on the hub: a header in YAML, and a page of Markdown.

    `result` is the run's; each accuracy is written with its protocol, tile, stride, interval and number of
    images.
    """
    from huggingface_hub import ModelCardData

    header = ModelCardData(
        library_name="nearsight",
        pipeline_tag="image-classification",
        tags=["nearsight", "image-classification", "tiles"],
        model_name=repo_id.rpartition("/")[2],
        eval_results=list(_eval_results(result)) or None,
    )
    sections = [
        f"---\n{header.to_yaml()}\n---",
        f"# {repo_id.rpartition('/')[2]}",
        _what(recipe, classes),
        "## How good it is",
        "\n".join(_accuracies(result)),
        "## How it was trained",
        "\n".join(f"- {line}" for line in _training(recipe, result)),
        "## How to use it",
        f'```python\nfrom nearsight import Run\n\nclassifier = Run.from_hub("{repo_id}").classifier()\n```',
    ]
    return "\n\n".join(sections) + "\n"


def _what(recipe: Recipe, classes: tuple[str, ...]) -> str:
    seen = "whole images" if recipe.tile is None else f"tiles of {recipe.tile}×{recipe.tile} pixels"
    said = (
        f"An image classifier, `{recipe.model}`, trained on {seen} of {_plain(recipe.data)} with Nearsight."
    )
    return f"{said} It knows {len(classes):,} classes: {listed(map(_plain, classes), 20)}."


def _accuracies(result: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (
            f"{_plain(found['data'])} {_plain(split)}",
            f"`{protocol}`",
            how_cut(found, protocol),
            written_accuracy(measured),
            f"{measured['n']:,}",
        )
        for split, found in result.get("evaluation", {}).items()
        for protocol, measured in found["protocols"].items()
    ]
    if not rows:
        yield "It was not evaluated."
        return
    yield "| data | protocol | cut | accuracy, % (95 % interval over images) | images |"
    yield "| :-- | :-- | :-- | --: | --: |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _training(recipe: Recipe, result: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Recipe `{recipe.name}`, seed {recipe.seed}: {recipe.optimizer}, learning rate {recipe.learning_rate:g} "
        f"({recipe.schedule}), batches of {recipe.batch_size}. All of it is in recipe.toml."
    )
    cost = result.get("training")
    if cost:
        yield (
            f"{cost['steps']:,} steps on {cost['images_seen']:,} images (counting repeats), of "
            f"{cost['pixels_per_image']:,} pixels each, in {cost['seconds']:,.0f} seconds and {cost['precision']}."
        )
        yield "Versions: " + ", ".join(f"{name} {number}" for name, number in cost["versions"].items()) + "."


def _eval_results(result: Mapping[str, Any]) -> Iterator[Any]:
    from huggingface_hub import EvalResult

    for split, found in result.get("evaluation", {}).items():
        for protocol, measured in found["protocols"].items():
            yield EvalResult(
                task_type="image-classification",
                dataset_type=str(found["data"]),
                dataset_name=str(found["data"]),
                dataset_split=split,
                metric_type="accuracy",
                metric_value=measured["accuracy"],
                metric_name=f"accuracy, {protocol}, {how_cut(found, protocol)}",
            )


def _plain(text: str) -> str:
    """Return a name in a form that Markdown shows as text."""
    line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|" else letter for letter in line)
