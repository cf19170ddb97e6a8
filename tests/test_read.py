"""What is read back is bounded, plain and whole, or refused in one line that names the file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet, types
from safetensors.torch import save_file
from tests.memory import end_of

from nearsight.digest import BESIDE, seal_table
from nearsight.errors import InputError
from nearsight.read import (
    belonging_together,
    check_beside,
    checked_columns,
    is_directory,
    is_file,
    parse_json,
    parse_toml,
    read_bytes,
    read_json,
    read_sealed_json,
    read_table,
    read_tensors,
    read_text,
    read_toml,
    said_of,
)

MEND = "make it again"
READERS: tuple[Callable[[Path, str], Any], ...] = (
    read_bytes, read_text, read_json, read_sealed_json, read_toml, read_table, read_tensors,
)  # fmt: skip


def refusal(read: Callable[[], Any]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    said = str(caught.value)
    assert said.isprintable()
    return said


def in_place(path: Path, what: str) -> None:
    if what == "pipe":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "loop":
        path.symlink_to(path)
    elif what == "vast":
        with path.open("wb") as file:
            file.truncate(2**40)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("what", ["nothing", "pipe", "directory", "device", "loop", "vast"])
def test_only_files_of_a_bounded_size_are_read(read: Callable[..., Any], what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.file"
    in_place(path, what)
    assert refusal(lambda: read(path, MEND)).startswith(f"{path} cannot be read: ")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800"])
def test_a_name_that_no_file_has_is_refused(read: Callable[..., Any], name: str, tmp_path: Path) -> None:
    assert refusal(lambda: read(tmp_path / name, MEND)).endswith(MEND)
    assert not is_file(Path(name))
    assert not is_directory(Path(name))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "it has 'a' twice"),
        ('{"a": ["\\ud800"]}', "it holds half a character ('\\ud800')"),
        ('{"\\uDFFF": 1}', "it holds half a character"),
        ("[NaN]", "it has the number NaN, which JSON does not have"),
        ("[-Infinity]", "it has the number -Infinity, which JSON does not have"),
        ("[1e999]", "it has the number 1e999, which is not finite"),
        (f"[{'9' * 5000}]", "it has a number of more than 30 digits"),
        (f"[-{'9' * 31}]", "it has a number of more than 30 digits"),
        ("[" * 65 + "]" * 65, "its values are nested more than 64 deep"),
        ('{"a":' * 900 + "1" + "}" * 900, "its values are nested more than 64 deep"),
        ("[" + "0," * 20 + "0]", "it holds 21 values, and at most 10 are read"),
        ("{", "it is not valid JSON"),
        ("", "it is not valid JSON"),
    ],
)
def test_json_that_is_none_of_ours_is_refused(text: str, said: str) -> None:
    most = 10 if "0,0" in text else 8_000_000
    assert f"a.json cannot be read: {said}" in refusal(
        lambda: parse_json(text, "a.json", MEND, most_values=most)
    )


@settings(max_examples=25)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)  # fmt: skip
def test_json_of_any_plain_values_is_read(values: Any) -> None:
    import json

    assert parse_json(json.dumps(values), "a.json", MEND) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a = {'9' * 5000}", "it has a number of more than 30 digits"),
        (f"a = 0x{'f' * 40}", "it has a number of more than 30 digits"),
        (f"a = {'[' * 5000}", "its values are nested more than 64 deep"),
        (f"a = {'[' * 70}{']' * 70}", "its values are nested more than 64 deep"),
        ("a = 1\na = 2", "it is not valid TOML"),
    ],
)
def test_toml_that_is_none_of_ours_is_refused(text: str, said: str) -> None:
    assert f"a.toml cannot be read: {said}" in refusal(lambda: parse_toml(text, "a.toml", MEND))


def test_text_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "é"}', encoding="utf-8-sig")
    assert read_json(path, MEND) == {"a": "é"}
    for encoding in ("utf-16", "latin-1"):
        path.write_text('{"a": "é"}', encoding=encoding)
        assert "it is not UTF-8 text (byte" in refusal(lambda: read_json(path, MEND))


def test_a_table_that_claims_too_many_rows_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = pa.RecordBatch.from_arrays([pa.nulls(1_000_000)], ["a"])
    with parquet.ParquetWriter(path, rows.schema) as writer:
        for _ in range(70):
            writer.write_batch(rows)
    assert "it claims 70,000,000 rows of 1 columns in" in refusal(lambda: read_table(path, MEND))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    assert "it has the column 'a' twice" in refusal(lambda: read_table(path, MEND))


def test_text_in_a_table_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    wrong = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    parquet.write_table(pa.table({"a": wrong}), path)
    assert "it is damaged or cut short" in refusal(lambda: read_table(path, MEND))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_whole_table_that_memory_cannot_hold_is_no_damage(
    sealed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"tile": [16]}), path)
    if sealed:
        seal_table(path)

    def short(*_: object) -> NoReturn:
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(parquet.ParquetFile, "read", short)
    # Without a digest nobody knows whether the file only claims to be so large.
    with pytest.raises(MemoryError if sealed else InputError):
        read_table(path, MEND)


def test_the_columns_of_a_table_are_of_their_types(tmp_path: Path) -> None:
    table = pa.table({"label": [1, 2], "path": ["a", "b"]}).replace_schema_metadata({"k": "[1]"})
    checked_columns(table, {"label": types.is_int64, "path": types.is_string}, tmp_path, MEND)
    assert "its column 'label' holds int64" in refusal(
        lambda: checked_columns(table, {"label": types.is_string}, tmp_path, MEND)
    )
    assert "it has no column 'x'" in refusal(
        lambda: checked_columns(table, {"x": types.is_int64}, tmp_path, MEND)
    )
    assert said_of(table, "other", tmp_path, MEND) == {}
    assert "its 'k' holds list" in refusal(lambda: said_of(table, "k", tmp_path, MEND))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: (2**40).to_bytes(8, "little") + content[8:],
        lambda content: content.replace(b'"shape":[2,3]', b'"shape":[9,9]'),
        lambda content: content.replace(b'"shape":[2,3]', b'"shape":"23"'),
        lambda content: content.replace(b'"dtype":"F32"', b'"dtype":"X99"'),
        lambda content: content.replace(b"{", b"[", 1),
    ],
)
def test_tensors_whose_header_lies_are_refused(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"map": torch.ones(2, 3)}, path, {"said": "yes"})
    tensors, said = read_tensors(path, MEND)
    assert (tensors["map"].tolist(), said) == ([[1.0] * 3] * 2, {"said": "yes"})
    path.write_bytes(change(path.read_bytes()))
    assert refusal(lambda: read_tensors(path, MEND)).endswith(MEND)


def test_a_full_disk_is_no_fault_of_the_files() -> None:
    with pytest.raises(OSError, match="full"), belonging_together("a", MEND):
        raise OSError("the disk is full")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_in_the_place_of_a_listed_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.json")
    with pytest.raises(
        InputError, match=r"rows\.json cannot be read: it is a pipe, and no file; put it back$"
    ):
        check_beside(tmp_path / "diagnosis.json", {BESIDE: {"rows.json": "xxh128:0"}}, "put it back")
    (tmp_path / "rows.json").unlink()
    (tmp_path / "rows.json").symlink_to("rows.json")
    with pytest.raises(InputError, match=r"rows\.json cannot be read: .*; put it back$"):
        check_beside(tmp_path / "diagnosis.json", {BESIDE: {"rows.json": "xxh128:0"}}, "put it back")


def test_tensors_for_which_there_is_no_memory_are_a_memory_error_and_nothing_is_printed() -> None:
    size = 64 * 2**20
    prepare = f"""
import torch
from safetensors.torch import save
from nearsight.read import loaded_tensors
content = save({{"large": torch.zeros({size}, dtype=torch.uint8)}})"""
    assert end_of("loaded_tensors(content)", prepare=prepare, more=size // 2) == "MemoryError"
