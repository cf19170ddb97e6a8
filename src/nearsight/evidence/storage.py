"""Logits with their description in one safetensors file, written and read whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from nearsight.errors import InputError
from nearsight.read import parse_json, read_tensors
from nearsight.schema import SCHEMA, numbered, read_schema
from nearsight.write import write_tensors

_MEND = "make it again"
_LOGITS = "logits"
_DESCRIPTION = "evidence"


def save_logits(path: Path, logits: Tensor, description: Mapping[str, Any]) -> None:
    """Write logits, and what JSON can hold of them, to a safetensors file, whole or not at all.

    >>> import tempfile, torch
    >>> path = Path(tempfile.mkdtemp()) / "map.safetensors"
    >>> save_logits(path, torch.zeros(2), {"classes": ["cat", "dog"]})
    >>> load_logits(path)
    (tensor([0., 0.]), {'classes': ['cat', 'dog']})

    Raises `InputError` if the disk is full or the place refuses.
    """
    write_tensors(path, {_LOGITS: logits}, {_DESCRIPTION: json.dumps(numbered("evidence", description))})


def load_logits(path: Path) -> tuple[Tensor, dict[str, Any]]:
    """Read what `save_logits` wrote; raises `InputError` if it is missing, damaged or something else."""
    tensors, said = read_tensors(path, _MEND)
    if _LOGITS not in tensors or _DESCRIPTION not in said:
        raise InputError(f"{path} is a safetensors file but holds no evidence map")
    description = parse_json(said[_DESCRIPTION], path, _MEND)
    read_schema("evidence", description, path)
    description.pop(SCHEMA, None)
    return tensors[_LOGITS], description
