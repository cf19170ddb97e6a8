"""Nearsight: train image classifiers on tiles, compare them with whole images, see what they look at.

>>> import nearsight
>>> nearsight.load("digits").classes[:3]
('0', '1', '2')
"""

import sys
from types import ModuleType
from typing import Any

import lazy_loader

__version__ = "0.1.0"


class _Package(ModuleType):
    # Importing a room binds it here under its name, which would hide the function of the same name.
    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

# The public names are listed in __init__.pyi. Each comes with its room when first used, so that importing the
# package stays cheap.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
