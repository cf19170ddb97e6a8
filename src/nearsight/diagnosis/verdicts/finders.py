"""What looks for candidates: each finder by its name, in one place."""

from collections.abc import Mapping
from types import MappingProxyType

from nearsight.diagnosis.candidates import Finder

FINDERS: Mapping[str, Finder] = MappingProxyType({})
