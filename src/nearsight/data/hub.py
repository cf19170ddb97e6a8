"""Reading a set of the Hugging Face hub: from the local cache, or downloaded into it."""

from pathlib import Path

from nearsight.data.faults import one_line
from nearsight.data.table import Table, as_table
from nearsight.errors import InputError

_TIMEOUT = 10.0
_PAGE = "https://huggingface.co/datasets"


def read_hub(repository: str, revision: str | None = None) -> dict[str, Table]:
    """Read the splits of the hub's set OWNER/NAME at a revision (branch, tag, commit), by default the newest.

    Progress goes to stderr. Raises `InputError` if the hub cannot be reached and the set is not in the cache, if
    there is no such set or revision, if it is gated, and if it is not a set of images.
    """
    import datasets

    where = f"hf:{repository}" + (f"@{revision}" if revision else "")
    _look_up(repository, revision, where)
    try:
        found = datasets.load_dataset(repository, revision=revision)
    # What the hub's client raises depends on its version and on its HTTP library's.
    except Exception as fault:
        if "gated" in str(fault):
            raise _gated(repository, where) from fault
        raise InputError(f"cannot read {where}: {one_line(fault)}") from fault
    return {str(split): as_table(rows, f"{where} {split}") for split, rows in found.items()}


def _look_up(repository: str, revision: str | None, where: str) -> None:
    """Ask once whether the set exists: `datasets` itself retries for half a minute before it gives up."""
    from huggingface_hub import HfApi
    from huggingface_hub import errors as hub

    try:
        HfApi().dataset_info(repository, revision=revision, timeout=_TIMEOUT)
    except hub.HFValidationError as fault:
        raise InputError(f"'{where}' names no set of the hub; expected hf:OWNER/NAME[@REVISION]") from fault
    except hub.GatedRepoError as fault:
        raise _gated(repository, where) from fault
    except hub.RevisionNotFoundError as fault:
        raise InputError(
            f"the hub's set {repository} has no revision '{revision}'; see {_PAGE}/{repository}"
        ) from fault
    except hub.RepositoryNotFoundError as fault:
        raise InputError(
            f"the hub has no set '{repository}', or it is private; look for its name on {_PAGE}, "
            "or log in with `hf auth login`"
        ) from fault
    # Without a network, `datasets` gives what is in its cache, whatever its revision.
    except Exception as fault:
        if revision is not None or not _is_cached(repository):
            raise InputError(
                f"no network: cannot reach the hub for {where} ({one_line(fault)}); connect, or give the "
                "directory of the set's Parquet files, or put it under a directory named in NEARSIGHT_DATA"
            ) from fault


def _is_cached(repository: str) -> bool:
    from datasets import config

    wanted = _plain(repository.replace("/", "___"))
    cache = Path(config.HF_DATASETS_CACHE)
    return cache.is_dir() and any(_plain(place.name) == wanted for place in cache.iterdir())


def _plain(name: str) -> str:
    # The cache turns NAME from camel case to snake case.
    return name.replace("_", "").casefold()


def _gated(repository: str, where: str) -> InputError:
    return InputError(
        f"{where} is gated: ask for access on {_PAGE}/{repository}, then log in with `hf auth login`"
    )
