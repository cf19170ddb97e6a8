"""Directory trees: what is an image, what is skipped, and that a circle is entered once."""

import os
from pathlib import Path

import pytest

from nearsight.data.tree import read_tree, told_left
from nearsight.errors import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def names(root: Path) -> list[str]:
    return [str(Path(file).relative_to(root)) for file in read_tree(root).files()]


def test_only_images_are_images(tmp_path: Path) -> None:
    kept = ["a/1.JPG", "a/2.jpeg", "b/3 (1).png", "b/deep/4.webp", "b/é.tiff"]
    left = ["a/1.xml", "a/1.txt", "a/notes.md", "b/labels.json", "README", "b/model.bin"]
    assert sorted(names(touch(tmp_path, *kept, *left))) == sorted(kept)


def test_an_image_without_suffix_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    touch(tmp_path, "a/plain", "a/none")
    (tmp_path / "a" / "photo").write_bytes(b"\xff\xd8\xff\xe0 and so on")
    (tmp_path / "a" / "n01440764_1.dat").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert names(tmp_path) == ["a/n01440764_1.dat", "a/photo"]


def test_service_files_and_directories_are_counted(tmp_path: Path) -> None:
    touch(
        tmp_path, "a/1.png", "a/.ipynb_checkpoints/1.png", "a/@eaDir/1.png", "__MACOSX/a/._1.png", "a/._1.png"
    )
    touch(tmp_path, "a/Thumbs.db", "a/desktop.ini", "a/.DS_Store", "a/1.xml", "a/2.xml", "LICENSE")
    root = read_tree(tmp_path)
    assert root.count == 1
    assert told_left(root, list(root.walk())) == [
        "not images, and skipped: 2 .xml, 3 hidden, 2 service directories, 2 service files, 1 without suffix"
    ]


def test_links_are_followed_and_circles_entered_once(tmp_path: Path) -> None:
    root = touch(tmp_path / "set", "cat/1.png", "dog/1.png")
    touch(tmp_path / "elsewhere", "2.png", "more/3.png")
    (root / "cat" / "again").symlink_to(root / "cat")
    (root / "dog" / "up").symlink_to(root)
    (root / "dog" / "disk").symlink_to("/")
    (root / "dog" / "self.png").symlink_to(root / "dog" / "self.png")
    (root / "dog" / "gone.png").symlink_to("/nowhere/gone.png")
    (root / "owl").symlink_to(tmp_path / "elsewhere")
    (root / "dog" / "4.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    assert names(root) == ["cat/1.png", "dog/1.png", "dog/4.png", "owl/2.png", "owl/more/3.png"]
    tree = read_tree(root)
    assert told_left(tree, list(tree.walk())) == [
        "not images, and skipped: 4 circular links (cat/again), 1 dangling link (dog/gone.png)"
    ]


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/1.png")
    os.mkfifo(root / "a" / "2.png")
    tree = read_tree(root)
    assert (tree.count, told_left(tree, list(tree.walk()))) == (1, ["not images, and skipped: 1 pipe"])


def test_links_in_each_directory_to_the_next_end(tmp_path: Path) -> None:
    for k in range(30):
        (tmp_path / f"d{k}").mkdir()
        for side in "ab":
            (tmp_path / f"d{k}" / side).symlink_to(tmp_path / f"d{k + 1}")
    (tmp_path / "d30").mkdir()
    tree = read_tree(tmp_path)
    kinds = {left.kind for folder in tree.walk() for left in folder.left}
    assert kinds == {"repeated link"}
    assert sum(1 for _ in tree.walk()) < 32 * 17


def test_directories_without_end_are_left(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(120):
        deep = deep / "d"
        deep.mkdir()
    (left,) = (left for folder in read_tree(tmp_path).walk() for left in folder.left)
    assert left.kind == "directory more than 100 deep"


def test_names_that_are_no_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb"):  # noqa: PTH123
            pass
    except OSError:
        pytest.skip("this disk takes no such name")
    with pytest.raises(
        InputError, match=r"the names of 1 file in .* are not UTF-8, such as 'caf\\udce9\.png'"
    ):
        read_tree(tmp_path)
    # In the locale C without Python's UTF-8 mode the names are not at fault.
    monkeypatch.setattr("nearsight.arguments.sys.getfilesystemencoding", lambda: "ascii")
    with pytest.raises(
        InputError, match=r"are not ascii, in which .* reads names, .*; set PYTHONUTF8=1, or a"
    ):
        read_tree(tmp_path)


def test_a_directory_that_cannot_be_listed_is_an_error_and_one_that_is_gone_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    listed = os.scandir

    def scandir(path: Path | int) -> object:
        if path == tmp_path / "a":
            raise fault
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    fault: OSError = PermissionError(13, "Permission denied")
    with pytest.raises(
        InputError, match=r"cannot list the directory .*/a: permission denied; change its perm"
    ):
        read_tree(tmp_path)
    fault = FileNotFoundError(2, "No such file")
    assert read_tree(tmp_path).is_bare
