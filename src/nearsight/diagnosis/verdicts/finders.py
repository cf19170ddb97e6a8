"""What looks for candidates: each finder by the name of what it looks for, in one place."""

from collections.abc import Mapping
from types import MappingProxyType

from nearsight.diagnosis.attributes.find import find_whole_image_attributes
from nearsight.diagnosis.candidates import Finder
from nearsight.diagnosis.columns.find import find_columns
from nearsight.diagnosis.repeats import find_fixed_patterns

FINDERS: Mapping[str, Finder] = MappingProxyType(
    {
        "attributes": find_whole_image_attributes,
        "columns": find_columns,
        "repeats": find_fixed_patterns,
    }
)
