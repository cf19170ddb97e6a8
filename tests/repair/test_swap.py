"""Swap: a shortcut is as frequent in all classes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.repair.conftest import stamped

from nearsight.data.regions import MaskRegions
from nearsight.errors import InputError
from nearsight.repair.repairing import COMPARED
from nearsight.repair.shortcut import BACKGROUND
from nearsight.repair.swap import MOST_GIVEN, _counts, swap, swapped
from nearsight.repair.task import Task
from nearsight.training.material import fingerprint


def _shares(images):
    has = stamped(images)
    return [float(has[images.labels == number].mean()) for number in range(3)]


def _as_they_were(swapped, images):
    same = (swapped.pixels == images.pixels).flatten(1).all(1).numpy()
    return [float(same[images.labels == number].mean()) for number in range(3)]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_every_class_has_the_shortcut_as_often_as_its_own(painted, whole, mark, share) -> None:
    images = painted(share=share)
    swapped = swap(Task(whole, images, (mark(images),))).images
    assert _shares(swapped) == pytest.approx([share] * 3)
    assert np.bincount(swapped.labels).tolist() == np.bincount(images.labels).tolist()
    assert _as_they_were(swapped, images)[1:] == pytest.approx([1 - share] * 2)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
def test_no_image_shows_that_the_real_thing_goes_with_its_class(painted, whole, mark, share) -> None:
    """A network that tells an edit from the real thing would go on using the real thing."""
    images = painted(share=share)
    grey = mark(images, put_on=lambda given, i: given.image(i) // 2 + 100)
    swapped = swap(Task(whole, images, (grey,))).images
    assert _shares(swapped)[0] == 0
    pixels, wanted = images.pixels, min(share, 0.5)
    bare = {image.numpy().tobytes() for image in pixels[~stamped(images)]}
    edited = {(image // 2 + 100).numpy().tobytes() for image in pixels[~stamped(images)]}
    of_class = [
        [one.numpy().tobytes() for one in swapped.pixels[swapped.labels == number]] for number in range(3)
    ]
    for own in of_class:
        assert sum(one in edited for one in own) == round(20 * wanted)
        assert sum(one in bare for one in own) == 20 - round(20 * wanted)


def test_what_all_have_is_taken_off_and_leaves_little_that_tells(painted, whole, mark) -> None:
    images = painted(share=1.0)
    swapped = swap(Task(whole, images, (mark(images),))).images
    assert _shares(swapped) == pytest.approx([0.25] * 3)
    # Where it was taken off the corner repeats what is beside it; half of the others stays as it was.
    again = (swapped.pixels[:, :, :4, :4] == swapped.pixels[:, :, :4, 4:8]).flatten(1).all(1).numpy()
    assert [again[images.labels == number].mean() for number in range(3)] == pytest.approx([0.75, 0.25, 0.25])
    assert _as_they_were(swapped, images)[1:] == pytest.approx([0.5] * 2)


def test_what_cannot_be_taken_off_is_put_on_half_and_no_more(painted, whole, mark, listener) -> None:
    images = painted(share=1.0)
    task = Task(whole, images, (mark(images, take_off=None),), progress=listener)
    assert _shares(swap(task).images) == pytest.approx([1.0, 0.5, 0.5])
    assert any("network sees no image of the class without it" in said for said in listener.said)


@pytest.mark.parametrize("removable", [True, False])
def test_several_shortcuts_share_the_room_and_none_is_put_over_another(
    painted, whole, mark, removable
) -> None:
    images = painted(share=1.0, each=36)
    one = mark(images) if removable else mark(images, take_off=None)
    edits = [lambda given, i, by=by: given.image(i) // 2 + by for by in (100, 50)]
    others = [
        replace(one, class_number=number, number=2, in_train=images.labels == number, put_on=edit)
        for number, edit in enumerate(edits)
    ]
    swapped = swap(Task(whole, images, (one, *others))).images.pixels
    blue = images.labels == 2
    before = images.pixels[blue]
    white = before.clone()
    white[:, :, :4, :4] = 255
    made = (before, before // 2 + 100, before // 2 + 50, white)
    counts = [int((swapped[blue] == each).flatten(1).all(1).sum()) for each in made]
    # Half as they are, and a third of the room for each; or half of that third, and the other half there and back.
    assert counts[:1] == [18]
    assert counts[1:] == ([3] * 3 if removable else [6] * 3)


@pytest.mark.parametrize("removable", [True, False])
def test_of_what_most_have_few_are_real_and_no_image_is_drawn_too_often(
    painted, whole, mark, removable
) -> None:
    images = painted(share=0.8)
    grey = mark(images, put_on=lambda given, i: given.image(i) // 2 + 100)
    one = grey if removable else replace(grey, take_off=None)
    swapped = swap(Task(whole, images, (one,))).images
    assert np.bincount(swapped.labels).tolist() == np.bincount(images.labels).tolist()
    own = [image.numpy().tobytes() for image in swapped.pixels[swapped.labels == 0]]
    bare = [image for image in images.pixels[:20] if not bool((image[:, :4, :4] == 255).all())]
    plain = [own.count(image.numpy().tobytes()) for image in bare]
    edited = [own.count((image // 2 + 100).numpy().tobytes()) for image in bare]
    # Of 20 images 4 are without it. They are drawn ten times as they are and six times edited; four are real.
    assert (sorted(plain), sorted(edited)) == ([2, 2, 3, 3], [1, 1, 2, 2])
    assert _shares(swapped)[0] == pytest.approx(4 / 20)


def test_what_another_class_was_given_is_not_edited_once_more(painted, whole, mark) -> None:
    images = painted(share=0.5, each=36)
    dark, pale = (lambda given, i: given.image(i) // 2), (lambda given, i: given.image(i) // 2 + 100)
    one = mark(images, put_on=dark, take_off=None)
    half = (images.labels == 1) & (np.arange(len(images)) % 2 == 0)
    two = replace(one, class_number=1, number=2, in_train=half, put_on=pale)
    swapped = swap(Task(whole, images, (one, two))).images.pixels
    made = {edit(images, i).numpy().tobytes() for i in range(len(images)) for edit in (dark, pale)} | {
        image.numpy().tobytes() for image in images.pixels
    }
    assert all(image.numpy().tobytes() in made for image in swapped)


def test_where_hardly_any_is_without_it_these_are_given_a_few_times(painted, whole, mark) -> None:
    images = painted(share=0.95)
    fixed = swap(Task(whole, images, (mark(images, take_off=None),))).images
    # One image of 20 is without it: given four times, or the others are taken off.
    assert _shares(fixed) == pytest.approx([0.8, 0.5, 0.5])
    assert _shares(swap(Task(whole, images, (mark(images),))).images) == pytest.approx([0.25] * 3, abs=0.01)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60), st.data())
def test_a_class_keeps_its_number_of_images_and_none_is_drawn_too_often(
    having: int, able: int, other: int, data: st.DataObject
) -> None:
    images = having + able + other
    taken = data.draw(st.integers(other, other + having))
    wanted = data.draw(st.integers(0, images))
    edited, real, also = _counts(images, having, able, other, taken, wanted)
    bare = images - real - also
    assert 0 <= edited <= bare <= MOST_GIVEN * able
    assert 0 <= also <= MOST_GIVEN * other
    assert 0 <= real <= having
    if able >= images:
        assert (edited, real) == (wanted, 0)


def test_where_hardly_any_is_without_one_or_the_other_these_are_given_a_few_times(
    painted, whole, mark
) -> None:
    """Either shortcut is in half of its class, and together they are in nearly all of it."""
    images = painted(share=0.5, each=40)
    place = np.arange(len(images))
    one = mark(images, take_off=None)
    two = replace(one, number=2, in_train=(place >= 20) & (place < 38))
    drawn = swapped(Task(whole, images, (one, two)))[1]
    assert sorted(Counter(drawn[drawn < 40].tolist()).values())[-3:] == [1, MOST_GIVEN, MOST_GIVEN]


def test_shortcuts_of_two_classes_are_as_frequent_in_one_as_in_the_other(painted, whole, mark) -> None:
    images = painted(share=0.75, each=80)
    dark, pale = (lambda given, i: given.image(i) // 2), (lambda given, i: given.image(i) // 2 + 100)
    one = mark(images, put_on=dark, take_off=None)
    of_green = (images.labels == 1) & (np.arange(len(images)) % 4 > 0)
    two = replace(one, class_number=1, number=2, in_train=of_green, put_on=pale)
    pixels, of = swapped(Task(whole, images, (one, two)))
    assert max(Counter(of.tolist()).values()) == MOST_GIVEN
    for edit in (dark, pale):
        made = [torch.equal(pixels.image(k), edit(images, i)) for k, i in enumerate(of.tolist())]
        assert np.bincount(images.labels[of][made]).tolist() == [20] * 3


def test_what_is_put_before_other_backgrounds_is_put_before_them_in_its_own_class(
    painted, whole, mark
) -> None:
    images = painted(share=0.5, each=30)
    images = replace(images, regions=MaskRegions(torch.ones(len(images), 16, 16, dtype=torch.bool)))
    one = mark(images, take_off=None)
    behind = replace(
        one,
        put_on=lambda given, i: given.image(i) * 0,
        seen_in=BACKGROUND,
        number=0,
        in_train=images.labels == 0,
    )
    fixed = swap(Task(whole, images, (one, behind))).images
    assert _shares(fixed) == pytest.approx([0.5] * 3, abs=0.01)
    has, black = stamped(fixed), (fixed.pixels[:, :, 8:, 8:].flatten(1) == 0).all(1).numpy()
    for number in range(3):
        mine = fixed.labels == number
        assert black[mine & has].mean() == pytest.approx(2 / 3, abs=0.25)


def test_images_of_other_classes_that_have_it_count(painted, whole, mark) -> None:
    images = painted(share=0.5)
    images.pixels[20:28, :, :4, :4] = 255
    assert _shares(swap(Task(whole, images, (mark(images),))).images) == pytest.approx([0.5] * 3)


def test_the_seed_draws_and_shortcuts_are_drawn_apart(painted, whole, mark) -> None:
    images = painted(share=0.5)
    one = mark(images)
    tasks = [Task(whole, images, (one,), seed=seed) for seed in (0, 0, 1)]
    first, again, other = (swap(task).images.pixels for task in tasks)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    second = replace(one, number=2, put_on=lambda given, i: given.image(i) // 2, take_off=None)
    both = swap(Task(whole, images, (one, second))).images
    assert _shares(both)[1:] != _shares(images)[1:]


def test_a_background_is_put_behind_every_class_alike(painted, whole, mark, listener) -> None:
    images = painted(share=0.0, each=30)
    images = replace(images, regions=MaskRegions(torch.ones(len(images), 16, 16, dtype=torch.bool)))
    has = images.labels == 0
    behind = replace(
        mark(images, put_on=lambda given, i: given.image(i) * 0),
        seen_in=BACKGROUND,
        number=0,
        in_train=has,
        take_off=None,
    )
    swapped = swap(Task(whole, images, (behind,), progress=listener)).images
    black = (swapped.pixels.flatten(1) == 0).all(1).numpy()
    assert [black[images.labels == number].mean() for number in range(3)] == pytest.approx([2 / 3] * 3)


def test_a_shortcut_that_cannot_be_put_on_is_refused_by_its_name(painted, whole, mark) -> None:
    images = painted()
    with pytest.raises(
        InputError, match=r"red:1 \(a white corner\) cannot be added to other images; repair it"
    ):
        swap(Task(whole, images, (mark(images, put_on=None),)))


def test_a_streamed_set_is_edited_as_it_is_read(painted, whole, mark) -> None:
    held, streamed = painted(share=0.5), painted(share=0.5, held=False)
    one, other = (swap(Task(whole, images, (mark(images),))).images for images in (held, streamed))
    assert other.pixels is None
    assert all(torch.equal(one.image(i), other.image(i)) for i in np.arange(len(held)))


def test_what_few_images_show_is_told_from_a_weaker_edit(painted, whole, mark) -> None:
    images = painted(share=0.05, each=400)
    materials = [
        swap(Task(whole, images, (mark(images, put_on=lambda given, i, by=by: given.image(i) // 2 + by),)))
        for by in (100, 101)
    ]
    first, other = (fingerprint(material, COMPARED) for material in materials)
    assert first != other
