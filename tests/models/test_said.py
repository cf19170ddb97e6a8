"""What is said of a model."""

from pathlib import Path

import pytest

from nearsight.errors import InputError
from nearsight.models.said import class_names


@pytest.mark.parametrize("name", ["classes.txt", "names/imagenet", "names.json"])
def test_a_file_of_names_that_is_not_there_is_not_taken_for_a_name(name: str) -> None:
    with pytest.raises(InputError, match=f"there is no file of class names {name}"):
        class_names(name)


def test_empty_lines_at_the_end_of_a_file_are_no_names(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n\n")
    assert (
        class_names(tmp_path / "classes.txt") == class_names(str(tmp_path / "classes.txt")) == ("cat", "dog")
    )
    assert class_names("cat/dog,bird") == ("cat/dog", "bird")
