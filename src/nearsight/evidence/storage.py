"""Logits with their description in one safetensors file, written and read whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from nearsight.digest import check_tensors
from nearsight.errors import InputError
from nearsight.schema import SCHEMA, numbered, read_schema
from nearsight.write import write_tensors

_LOGITS = "logits"
_DESCRIPTION = "evidence"


def save_logits(path: Path, logits: Tensor, description: Mapping[str, Any]) -> None:
    """Write logits, and what JSON can hold of them, to a safetensors file, whole or not at all.

    >>> import tempfile, torch
    >>> path = Path(tempfile.mkdtemp()) / "map.safetensors"
    >>> save_logits(path, torch.zeros(2), {"classes": ["cat", "dog"]})
    >>> load_logits(path)
    (tensor([0., 0.]), {'classes': ['cat', 'dog']})

    Raises `InputError` when the disk is full or the place refuses.
    """
    write_tensors(path, {_LOGITS: logits}, {_DESCRIPTION: json.dumps(numbered("evidence", description))})


def load_logits(path: Path) -> tuple[Tensor, dict[str, Any]]:
    """Read what `save_logits` wrote; raises `InputError` when it is missing, damaged or something else."""
    try:
        with path.open("rb") as content:
            check_tensors(content, path)
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})[_DESCRIPTION])
            read_schema("evidence", description, path)
            description.pop(SCHEMA, None)
            # A copy: the file may be replaced or removed while the logits are in use.
            return file.get_tensor(_LOGITS).clone(), description
    except FileNotFoundError as error:
        raise InputError(f"cannot read {path}: no such file") from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged or no safetensors file ({error}); make it again") from error
    except InputError:
        raise
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} is a safetensors file but holds no evidence map") from error
