"""A run on the Hugging Face hub: weights, description, recipe and result, with a model card written from them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nearsight.digest import RESULT
from nearsight.errors import InputError
from nearsight.models.saved_classifiers import DESCRIPTION, WEIGHTS, read_description
from nearsight.read import belonging_together, read_sealed_text
from nearsight.runs.model_card import model_card
from nearsight.runs.run import RECIPE, Run
from nearsight.settings.models import CUSTOM

CARD = "README.md"
FILES = (WEIGHTS, DESCRIPTION, RECIPE, RESULT)


def upload_run(
    run: Run, repo_id: str, *, private: bool = False, token: str | None = None, message: str | None = None
) -> str:
    """Put a finished run into a repository of the hub, creating it if necessary; return its address."""
    from huggingface_hub import HfApi

    # Read completely before anything is sent.
    recipe, result, classes = run.recipe, run.result, _classes(run)
    with belonging_together(run.directory / RESULT, "evaluate the run again"):
        card = model_card(repo_id, recipe, result, classes)
    with tempfile.TemporaryDirectory() as staged, _as_input_error(repo_id):
        for name in FILES:
            shutil.copyfile(run.directory / name, Path(staged) / name)
        (Path(staged) / CARD).write_text(card, encoding="utf-8")
        api = HfApi(token=token)
        address = str(api.create_repo(repo_id, private=private, exist_ok=True))
        api.upload_folder(
            repo_id=repo_id,
            folder_path=staged,
            commit_message=message or f"A run of Nearsight: {recipe.model}, {recipe.tile_name}",
        )
    return address


def download_run(
    repo_id: str,
    *,
    revision: str | None = None,
    directory: str | Path | None = None,
    token: str | None = None,
) -> Run:
    """Fetch a run from a repository of the hub, into its cache or a directory."""
    from huggingface_hub import snapshot_download

    with _as_input_error(repo_id):
        place = snapshot_download(
            repo_id,
            revision=revision,
            local_dir=None if directory is None else str(directory),
            allow_patterns=[*FILES, CARD],
            token=token,
        )
    found = Path(place)
    missing = [name for name in FILES if not (found / name).is_file()]
    if missing:
        raise InputError(f"{repo_id} on the hub is no run of Nearsight: it has no {', '.join(missing)}")
    return Run.open(found)


def _classes(run: Run) -> tuple[str, ...]:
    """Return the class names of a run whose weights and description were read and belong together."""
    path = run.directory / DESCRIPTION
    described = read_description(read_sealed_text(path, "train the run again"), str(path))
    # Only its author can build a network of one's own.
    return described.classes if described.architecture.name.startswith(CUSTOM) else run.classifier().classes


@contextmanager
def _as_input_error(repo_id: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    try:
        yield
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        lines = str(error).strip().splitlines()
        said = next((line for line in lines if line.strip()), type(error).__name__)
        raise InputError(
            f"the hub did not take or give '{repo_id}' ({type(error).__name__}: {said}); give OWNER/NAME, log in "
            "with `hf auth login`, and see that you are online"
        ) from error
