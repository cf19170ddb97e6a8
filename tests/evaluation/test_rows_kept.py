from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from nearsight.evaluation.rows_kept import RowsKept, rows_kept

PATHS, DIGESTS = st.sampled_from("abc"), st.sampled_from("123")


def kept(images: list[tuple[str, str]], rows: list[tuple[str, str | None]]) -> RowsKept:
    earlier: dict[str, list[str | None]] = {}
    for path, digest in rows:
        earlier.setdefault(path, []).append(digest)
    return rows_kept([path for path, _ in images], earlier, lambda number: images[number][1])


@given(st.lists(st.tuples(PATHS, DIGESTS)), st.lists(st.tuples(PATHS, DIGESTS)))
def test_afterwards_every_image_has_a_row_of_its_content_and_no_row_is_of_another(
    images: list[tuple[str, str]], rows: list[tuple[str, str | None]]
) -> None:
    found = kept(images, rows)
    given = {path for path, _ in images}
    left = [row for row in rows if row not in found.dropped]
    after = [*left, *(images[number] for number in found.missing)]
    for image in {*images}:
        assert after.count(image) == max(images.count(image), rows.count(image))
    assert all(row in images for row in after if row[0] in given)
    assert [row for row in rows if row[0] not in given] == [row for row in left if row[0] not in given]
    # What is continued again finds nothing to do.
    again = kept(images, after)
    assert (again.missing, again.dropped) == ((), frozenset())


def test_rows_without_a_digest_are_of_any_content_and_no_image_is_read_for_them() -> None:
    def never(number: int) -> str:
        raise AssertionError(number)

    earlier: Mapping[str, list[str | None]] = {"a": [None], "b": [None, None]}
    found = rows_kept(["a", "b", "c", "a"], earlier, never)
    assert (found.missing, found.dropped, found.untold) == ((2, 3), frozenset(), 2)


def test_an_image_that_cannot_be_read_keeps_its_row() -> None:
    assert kept([("a", ""), ("b", "2")], [("a", "1"), ("b", "1")]).missing == (1,)


def test_each_image_is_read_once_however_many_rows_its_path_has() -> None:
    images = [("image.png", str(number)) for number in range(10_000)]
    read: list[int] = []

    def digest(number: int) -> str:
        read.append(number)
        return images[number][1]

    found = rows_kept([path for path, _ in images], {"image.png": [digest for _, digest in images]}, digest)
    assert found.missing == ()
    assert read == [*range(len(images))]
