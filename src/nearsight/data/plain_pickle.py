"""Pickles of only numbers, text and arrays: nothing else in them is created or run."""

import pickle
from pathlib import Path
from typing import Any

from nearsight.data.faults import one_line
from nearsight.errors import InputError

_ARRAYS = {
    ("numpy", "ndarray"): "numpy",
    ("numpy", "dtype"): "numpy",
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy._core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("_codecs", "encode"): "_codecs",
}


def read_plain_pickle(file: Path) -> Any:
    """Read a pickle that holds plain values and NumPy arrays; Python 2 text comes as bytes.

    Raises `InputError` if it asks for anything else, which could run code, or is damaged.
    """
    try:
        with file.open("rb") as opened:
            return _Plain(opened, encoding="bytes").load()
    # A damaged pickle can raise nearly anything.
    except Exception as fault:
        raise InputError(f"cannot read {file}: {one_line(fault)}; download it again") from fault


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, and not only numbers and text")
        return super().find_class(_ARRAYS[module, name], name)
