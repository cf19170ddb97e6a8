"""Digests in files: whatever bit flips and wherever a file is cut, it is noticed; files without one are read."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import load, save_file

from nearsight.digest import (
    check_table,
    check_tensors,
    sealed_json,
    sealed_toml,
    unsealed_json,
    unsealed_toml,
)
from nearsight.errors import InputError
from nearsight.write import write_table, write_tensors

Read = Callable[[bytes], object]


def whole_json(content: bytes) -> object:
    return json.loads(unsealed_json(content, "file"))


def whole_toml(content: bytes) -> object:
    return unsealed_toml(content, "file")


def whole_tensors(content: bytes) -> object:
    check_tensors(BytesIO(content), "file")
    return load(content)


def whole_table(content: bytes) -> object:
    check_table(BytesIO(content), "file")
    return parquet.read_table(BytesIO(content))


@pytest.fixture(scope="module")
def tensors(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tensors") / "a.safetensors"
    write_tensors(path, {"map": torch.arange(6.0).view(2, 3).T}, {"format": "pt"})
    return path.read_bytes()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    write_table(path, pa.table({"index": [1]}))
    return path.read_bytes()


@pytest.fixture(params=["json", "toml", "tensors", "table"])
def sealed(request: pytest.FixtureRequest) -> tuple[bytes, Read]:
    if request.param == "json":
        return sealed_json(
            json.dumps({"schema": 3, "classes": ["Katze", "Bär"]}, indent=2)
        ).encode(), whole_json
    if request.param == "toml":
        return sealed_toml("# digests are checked\ntile = 16\n").encode(), whole_toml
    return request.getfixturevalue(request.param), {"tensors": whole_tensors, "table": whole_table}[
        request.param
    ]


def test_every_flipped_bit_is_refused(sealed: tuple[bytes, Read]) -> None:
    content, read = sealed
    read(content)
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            with pytest.raises(Exception):  # noqa: B017,PT011 (the digest, or who reads what claims to have none)
                read(bytes(damaged))


def test_what_was_cut_short_anywhere_is_refused(sealed: tuple[bytes, Read]) -> None:
    content, read = sealed
    for length in range(1, len(content)):
        with pytest.raises(Exception):  # noqa: B017,PT011
            read(content[:length])


@pytest.mark.parametrize("sealed", ["json", "toml"], indirect=True)
def test_text_that_a_checkout_gave_other_ends_of_lines_is_whole(sealed: tuple[bytes, Read]) -> None:
    content, read = sealed
    assert read(content.replace(b"\n", b"\r\n")) == read(content)
    with pytest.raises(InputError, match="is damaged"):
        read(content.replace(b"\n", b"\r\n").replace(b"e", b"f", 1))


def test_a_file_far_larger_than_its_tensors_is_refused_without_being_read(
    tensors: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensors)
    with path.open("r+b") as file:
        assert check_tensors(file, "a")
        file.truncate(2**40)
        with pytest.raises(InputError, match="a is damaged"):
            check_tensors(file, "a")


def test_content_without_a_digest_is_given_as_it_is(tmp_path: Path) -> None:
    for content in (b"", b"{}", b'{"digest": 3}', b"[1]", b"not JSON", b'{"schema": 3, "digest": "xxh128:"}'):
        assert unsealed_json(content, "a.json") == content
    for content in (b"", b"# a recipe of mine\ntile = 16", b"tile = 16"):
        assert unsealed_toml(content, "a.toml") == content
    save_file({"a": torch.zeros(1)}, tmp_path / "a", metadata={"digest": "theirs"})
    with (tmp_path / "a").open("rb") as file:
        assert not check_tensors(file, "a")
        assert file.tell() == 0
    parquet.write_table(pa.table({"digest": ["digest xxh128:"]}), tmp_path / "b")
    with (tmp_path / "b").open("rb") as file:
        assert not check_table(file, "b")
        assert file.tell() == 0


def test_sealing_changes_nothing_that_others_read(tensors: bytes, table: bytes, tmp_path: Path) -> None:
    assert whole_json(sealed_json("{}").encode()) == {}
    assert json.loads(sealed_json("{}")).keys() == {"digest"}
    torch.testing.assert_close(load(tensors)["map"], torch.arange(6.0).view(2, 3).T)
    assert parquet.read_table(BytesIO(table)).to_pydict() == {"index": [1]}
    # Whoever writes the table again writes another file, which has no digest.
    parquet.write_table(parquet.read_table(BytesIO(table)), tmp_path / "again")
    with (tmp_path / "again").open("rb") as file:
        assert not check_table(file, "again")


def test_the_error_names_the_file_and_the_way_out(table: bytes) -> None:
    damaged = table.replace(b"PAR1\x15", b"PAR1\x16", 1)
    with pytest.raises(InputError, match=r"^runs/a is damaged: .* digest says; evaluate it again$"):
        check_table(BytesIO(damaged), "runs/a", "evaluate it again")
    with pytest.raises(InputError, match="remove the digest from its first line"):
        unsealed_toml(sealed_toml("tile = 16").replace("16", "17").encode(), "recipe.toml")


@pytest.mark.parametrize("layout", ['{\n  "digest": "%s",\n  "tile": 16\n}', '{"tile":16,"digest":"%s"}'])
def test_json_that_another_program_laid_out_anew_is_told_apart(layout: str) -> None:
    digest = json.loads(sealed_json('{"tile": 16}'))["digest"]
    with pytest.raises(InputError, match=r"laid out again by another program.*remove the digest"):
        unsealed_json((layout % digest).encode(), "a.json")
