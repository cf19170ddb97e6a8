"""Verdicts on classifiers whose shortcut is known, and on ones that have none."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.diagnosis.attributes.conftest import Photographs, _photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.edits import BLUER, DARK_GAMMA
from nearsight.diagnosis.candidates import (
    ANY_CAUSE,
    FEW_CAUSES,
    MANY_CAUSES,
    ONE_CAUSE,
    TILE,
    Candidate,
    Examined,
)
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts import judging
from nearsight.diagnosis.verdicts.associations import associate
from nearsight.diagnosis.verdicts.interventions import (
    GIVEN,
    INNER,
    TRANSPLANTED,
    WITHOUT,
    Intervention,
    given,
    transplanted,
    without,
)
from nearsight.diagnosis.verdicts.judging import Judged, judge
from nearsight.diagnosis.verdicts.part import _verdict
from nearsight.diagnosis.verdicts.rule import RULE, SHORTCUT, SUSPECT
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.statistics import Estimate

CLASSES = ("dark", "grey", "light")
SIDE = 8


@pytest.fixture(name="photographs")
def made() -> Photographs:
    """What makes pictures with the spectrum of photographs."""
    return _photographs


def put_on(image: Tensor) -> Tensor:
    marked = image.clone()
    marked[:, :2, :2] = 255
    return marked


def take_off(image: Tensor) -> Tensor:
    clean = image.clone()
    clean[:, :2, :2] = image[:, 2:, 2:].float().mean().round().to(torch.uint8)
    return clean


def reads_the_mark(images: Tensor) -> Tensor:
    """Tell the shade of the middle; where the corner is white, dark whatever the shade."""
    shade = images[:, :, 2:, 2:].mean((1, 2, 3)) / 255
    scores = -10 * (shade[:, None] - torch.tensor([0.2, 0.5, 0.8])).abs()
    marked = images[:, :, :2, :2].mean((1, 2, 3)) > 250
    scores[:, 0] += 20 * marked
    return scores


def reads_the_shade(images: Tensor) -> Tensor:
    return reads_the_mark(take_off_all(images))


def take_off_all(images: Tensor) -> Tensor:
    clean = images.clone()
    clean[:, :, :2, :2] = 0
    return clean


def world(
    shares: tuple[float, float, float], seed: int = 0, each: int = 100, mixed: float = 0.4
) -> tuple[ImageSet, np.ndarray]:
    """Images of three shades, 40 % of them of another class's shade; `shares` of each class have the mark."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), each)
    shown = np.where(random.random(3 * each) < mixed, random.integers(3, size=3 * each), labels)
    pixels = (np.array([51, 128, 204])[shown][:, None, None, None] * np.ones((1, 3, SIDE, SIDE))).round()
    images = torch.from_numpy((pixels + random.integers(-9, 10, size=pixels.shape)).astype(np.uint8))
    marked = random.random(3 * each) < np.array(shares)[labels]
    for place in np.flatnonzero(marked):
        images[place] = put_on(images[place])
    names = tuple(f"{i}.png" for i in range(3 * each))
    return ImageSet("shades", "test", CLASSES, labels, MemoryImages(images, names)), marked


def examined(network: Callable[[Tensor], Tensor], images: ImageSet, seed: int = 0) -> Examined:
    classifier = Classifier.of(network, classes=CLASSES, tile=SIDE, mean=0.0, std=1.0, input_range="0-255")
    bound = TiledModel(classifier, tile=SIDE)
    decision = Decision(bound, "full-pass")
    whole = (images.image(i).float() for i in range(len(images)))
    return Examined(images, decision, decision.predictions(whole), choosing_half(images.labels, seed), seed)


def candidate(has: np.ndarray, class_number: int = 0) -> Candidate:
    return Candidate(
        class_number,
        "overlay",
        "a white mark at the top left corner",
        artefact=True,
        has=has,
        value=has.astype(np.float32),
        effect=0.9,
        put_on=lambda image: put_on(image).float(),
        take_off=lambda image: take_off(image).float(),
    )


def judged(
    network: Callable[[Tensor], Tensor],
    shares: tuple[float, float, float],
    each: int = 100,
    **changed: object,
) -> tuple[Judged, ...]:
    images, marked = world(shares, each=each)
    return judge(examined(network, images), [replace(candidate(marked), **changed)])


def test_a_shortcut_is_found_measured_and_proven() -> None:
    [found] = judged(reads_the_mark, (0.5, 0, 0), each=200)
    assert found.word == SHORTCUT
    assert found.association.accuracy.accuracy_with.value == 1
    assert found.association.accuracy.difference.low > 0.1
    assert found.association.accuracy.errors_without.value == 1
    assert found.alike is not None
    assert not found.alike.any()
    added, given_to_its_own, removed = found.interventions
    assert added.after.value == given_to_its_own.after.value == 1
    assert removed.change.high < 0


def test_what_else_of_the_class_does_as_much_is_told_beside_it_and_proves_nothing() -> None:
    images, marked = world((0.5, 0, 0))
    given, mark = examined(reads_the_mark, images), replace(candidate(marked), take_off=None)
    alone = transplanted(given, mark)
    assert alone is not None
    assert not alone.beside
    with_other = transplanted(given, replace(mark, beside=mark.put_on))
    assert with_other is not None
    assert with_other.beside
    assert with_other.change.chance == alone.change.value == 1


def test_no_images_are_listed_as_alike_a_suspect_even_if_it_is_proven() -> None:
    images, marked = world((0.6, 0, 0))
    some = candidate(marked & (np.arange(len(marked)) % 2 == 0))
    for changed, word, listed in (({}, SHORTCUT, True), ({"pictured": True}, SUSPECT, False)):
        [found] = judge(examined(reads_the_mark, images), [replace(some, **changed)])
        assert found.word == word
        assert found.proven_by
        assert (found.alike is not None) == listed


def test_images_alike_are_listed_beside_those_that_the_rule_finds() -> None:
    images, marked = world((0.6, 0, 0))
    first = marked & (np.arange(len(marked)) % 2 == 0)
    given = examined(reads_the_mark, images)
    [found] = judge(given, [candidate(first)])
    told = _verdict(given, found, len(images))
    assert told.images == tuple(np.flatnonzero(first).tolist())
    assert told.alike
    assert set(told.alike) <= set(np.flatnonzero(marked & ~first).tolist())


def test_images_of_which_nobody_knows_are_not_shown_as_lacking_it() -> None:
    images, marked = world((0.6, 0, 0))
    lacking = np.flatnonzero(~marked & (images.labels == 0))
    one = candidate(marked)
    one.value[lacking[:2]] = np.nan
    given = examined(reads_the_mark, images)
    [found] = judge(given, [one])
    assert found.alike is None or not found.alike[lacking].any()
    assert _verdict(given, found, len(images)).beside[0] == lacking[2]


def test_images_with_one_shortcut_are_not_alike_those_with_another() -> None:
    images, marked = world((0.6, 0, 0))
    first = marked & (np.arange(len(marked)) % 2 == 0)
    given = examined(reads_the_mark, images)
    [alone] = judge(given, [candidate(first)])
    assert alone.word == SHORTCUT
    assert alone.alike is not None
    assert alone.alike[marked & ~first].any()
    both = judge(given, [candidate(first), candidate(marked & ~first)])
    assert [one.word for one in both] == [SHORTCUT, SHORTCUT]
    assert not any(one.alike is None or one.alike.any() for one in both)


def test_a_mark_that_the_network_ignores_is_no_shortcut() -> None:
    assert judged(reads_the_shade, (0.5, 0, 0)) == ()


def test_a_mark_in_every_class_alike_is_no_shortcut() -> None:
    assert judged(reads_the_mark, (0.5, 0.5, 0.5)) == ()


def test_where_every_image_has_it_accuracy_without_is_unknown_and_the_proof_decides() -> None:
    [found] = judged(reads_the_mark, (1, 0, 0))
    assert found.word == SHORTCUT
    assert found.association.accuracy.difference.value is None
    assert judged(reads_the_shade, (1, 0, 0)) == ()


def test_where_nearly_every_image_has_it_the_few_others_say_nothing() -> None:
    # Of the images of the class all have the mark, and the rule misses some.
    images, marked = world((1, 0, 0))
    missed = candidate(marked & (np.arange(len(marked)) % 10 != 0))
    [found] = judge(examined(reads_the_mark, images), [missed])
    assert found.word == SHORTCUT
    assert found.association.accuracy.difference.value == 0
    half = candidate(marked & (np.arange(len(marked)) % 2 == 0))
    [found] = judge(examined(reads_the_mark, images), [half])
    assert found.word == SHORTCUT
    assert judge(examined(reads_the_shade, images), [half]) == ()


def test_what_taking_it_off_spoils_anyway_proves_nothing() -> None:
    def spoil(image: Tensor) -> Tensor:
        return torch.zeros_like(image).float() + 128

    [found] = judged(reads_the_mark, (1, 0, 0), take_off=spoil)
    [without] = [one for one in found.interventions if one.kind == WITHOUT]
    assert without.effect < 0.5
    assert without.change.chance < -0.3


def test_what_undoes_itself_proves_nothing_of_images_that_never_had_it() -> None:
    def negative(image: Tensor) -> Tensor:
        return 255 - image

    images, _ = world((0, 0, 0))
    has = (images.labels == 0) & (np.random.default_rng(3).random(len(images)) < 0.5)
    edited = replace(candidate(has), put_on=negative, take_off=negative)
    made = without(examined(reads_the_shade, images), edited)
    assert made is not None
    assert made.after.value == 0
    assert made.effect == 0


def test_what_undoes_the_shortcut_of_another_class_is_none_of_its_own() -> None:
    """If all others but one class are left out, images that lose their own shortcut become that class."""
    images, marked = world((0.6, 0, 0), mixed=0.8)
    two = images.select(np.flatnonzero(images.labels < 2))
    marked = marked[images.labels < 2]

    def without_the_third(batch: Tensor) -> Tensor:
        return reads_the_mark(batch) - torch.tensor([0.0, 0.0, 100.0])

    seen = examined(without_the_third, two)
    # Images of the second class that are right: to be wrong here they need not lack anything.
    has = (two.labels == 1) & ((seen.predictions == 1) | (np.arange(len(two)) % 4 == 0))
    undoing = replace(
        candidate(has, 1), attribute="tones", words="no white corner", put_on=take_off, take_off=None
    )
    assert [one.word for one in judge(seen, [undoing])] == [SHORTCUT]
    found = judge(seen, [undoing, candidate(marked)])
    assert [one.candidate.words for one in found if one.word == SHORTCUT] == [candidate(marked).words]


def test_a_shortcut_stays_one_beside_that_of_another_class() -> None:
    """Images with the other one are harder to move, and do not speak against it."""
    images, marked = world((0.6, 0.6, 0))
    own, other = marked & (images.labels == 0), marked & (images.labels == 1)
    pixels = images.images.pixels
    for place in np.flatnonzero(other):
        pixels[place] = take_off(pixels[place])
        pixels[place, :, -2:, -2:] = 0

    def reads_two_marks(batch: Tensor) -> Tensor:
        scores = reads_the_mark(batch)
        scores[:, 1] += 30 * (batch[:, :, -2:, -2:].mean((1, 2, 3)) < 5)
        return scores

    def put_other(image: Tensor) -> Tensor:
        image = image.clone()
        image[:, -2:, -2:] = 0
        return image

    second = replace(candidate(other, 1), words="a black mark", put_on=put_other, take_off=None)
    found = judge(examined(reads_two_marks, images), [candidate(own), second])
    assert {one.candidate.words: one.word for one in found} == {
        "a white mark at the top left corner": SHORTCUT,
        "a black mark": SHORTCUT,
    }


def test_without_proof_it_is_a_suspect() -> None:
    images, marked = world((0.5, 0, 0))
    seen = examined(reads_the_mark, images)
    [found] = judge(seen, [replace(candidate(marked), put_on=None, take_off=None)])
    assert found.word == SUSPECT
    assert found.alike is None
    # The edit that is learned from its images moves none.
    [lacks] = _verdict(seen, found, len(images)).missing
    assert lacks.startswith("no change of images proves it: the strongest moved 0.0 points")


def test_what_may_be_of_the_object_is_a_suspect_however_cleanly_it_parts_classes() -> None:
    [found] = judged(reads_the_mark, (0.5, 0, 0), artefact=False)
    assert found.word == SUSPECT


def test_what_its_images_may_picture_is_at_most_a_suspect() -> None:
    for share in (0.5, 1):
        [found] = judged(reads_the_mark, (share, 0, 0), pictured=True)
        assert found.word == SUSPECT
    assert judged(reads_the_shade, (1, 0, 0), pictured=True) == ()


def test_of_whole_images_it_is_none_where_other_classes_have_it_too() -> None:
    shares = (0.5, 0.15, 0.15)
    assert judged(reads_the_mark, shares, artefact=False) == ()
    [found] = judged(reads_the_mark, shares, artefact=False, seen_in=TILE)
    assert found.word == SUSPECT


def test_what_few_images_have_is_a_shortcut_by_what_it_moves() -> None:
    [found] = judged(reads_the_mark, (0.12, 0, 0), take_off=None)
    difference = found.association.accuracy.difference
    assert difference.low < 0.05 < difference.value
    assert found.word == SHORTCUT
    assert judged(reads_the_mark, (0.12, 0, 0), take_off=None, artefact=False) == ()


class SeesTheMark:
    """Classifies every image as if a layer saw the mark in it, or as it is."""

    def __init__(self, given: Examined, *, marked: bool = True) -> None:
        self._given, self._marked = given, marked

    def predictions_of(self, keys: Sequence[int], image: Callable[[int], Tensor]) -> np.ndarray:
        """Return the class that each image is predicted to be then."""
        return self._given.decision.predictions_of(
            keys, lambda key: put_on(image(key)).float() if self._marked else image(key).float()
        )

    def seen_in(self, image: Tensor) -> Tensor:
        """Return where an image has the mark."""
        return (image.float().mean(0) > 250).float()


def seen_inside(given: Examined, marked: np.ndarray, *, beside: bool = False) -> Candidate:
    """Say that inner layers see the marked images apart, of which no edit is known."""
    return replace(
        candidate(marked),
        attribute="look",
        words="a look of their own",
        artefact=False,
        causes=ANY_CAUSE,
        put_on=None,
        take_off=None,
        inside=SeesTheMark(given),
        inside_beside=SeesTheMark(given, marked=beside),
    )


def test_what_only_inner_layers_see_is_a_suspect_that_is_proven_inside_the_network() -> None:
    images, marked = world((0.5, 0, 0))
    given = examined(reads_the_mark, images)
    [found] = judge(given, [seen_inside(given, marked)])
    assert (found.word, found.proven_by) == (SUSPECT, INNER)
    [made] = found.interventions
    assert (made.kind, made.after.value) == (INNER, 1)
    told = _verdict(given, found, len(images))
    assert "may be what these images picture" in told.why_suspect
    assert [one.index for one in told.highlighted] == list(told.examples)
    red, green, _ = told.highlighted[0].picture.int()
    np.testing.assert_array_equal(red > green, np.indices((SIDE, SIDE)).max(0) < 2)


def test_what_layers_see_of_the_others_of_a_class_as_well_is_nothing() -> None:
    images, marked = world((0.5, 0, 0))
    given = examined(reads_the_mark, images)
    assert judge(given, [seen_inside(given, marked, beside=True)]) == ()


def test_what_inner_layers_see_is_no_second_verdict_and_no_name_of_what_has_one() -> None:
    images, marked = world((0.5, 0, 0))
    given = examined(reads_the_mark, images)
    some = marked & (np.cumsum(marked) % 2 == 0)
    for has in (marked, some):
        [found] = judge(given, [candidate(has), seen_inside(given, marked)])
        assert (found.candidate.words, found.also) == (candidate(has).words, ())


def test_candidates_of_the_same_images_are_one_verdict() -> None:
    images, marked = world((0.5, 0, 0))
    other = replace(candidate(marked), words="bright", effect=0.7)
    [found] = judge(examined(reads_the_mark, images), [other, candidate(marked)])
    assert found.candidate.words == "a white mark at the top left corner"
    assert found.also == ("bright",)


def test_of_the_same_images_what_an_intervention_moves_gives_the_words() -> None:
    images, marked = world((0.5, 0, 0))
    # Cleaner, and taking it away takes the mark away too, but put on it moves nothing.
    idle = replace(candidate(marked), words="pixelated", effect=1.0, put_on=lambda image: image.float())
    [found] = judge(examined(reads_the_mark, images), [idle, candidate(marked)])
    assert (found.candidate.words, found.also) == ("a white mark at the top left corner", ("pixelated",))


def test_what_is_not_proven_is_a_part_of_what_most_of_its_images_have() -> None:
    images, marked = world((0.5, 0, 0))
    some = marked & (np.cumsum(marked) % 4 == 0)
    part = replace(candidate(some), words="greenish", put_on=None, take_off=None)
    [found] = judge(examined(reads_the_mark, images), [candidate(marked), part])
    assert found.candidate.words == "a white mark at the top left corner"


@pytest.mark.parametrize(("fewer", "more"), list(pairwise((ONE_CAUSE, FEW_CAUSES, MANY_CAUSES))))
def test_of_names_that_move_alike_the_one_with_fewer_causes_is_told(fewer: int, more: int) -> None:
    images, marked = world((0.5, 0, 0))
    mark = replace(candidate(marked), causes=more)
    plain = replace(mark, words="fine lines", effect=0.7, causes=fewer)
    [found] = judge(examined(reads_the_mark, images), [mark, plain])
    assert (found.candidate.words, found.also) == ("fine lines", ("a white mark at the top left corner",))
    idle = replace(plain, put_on=lambda image: image.float())
    [found] = judge(examined(reads_the_mark, images), [mark, idle])
    assert found.candidate.words == "a white mark at the top left corner"


DARKER, CASTING = DARK_GAMMA.edit(-1.1), BLUER.edit(40.0)


def with_dark_ones(photographs: Photographs) -> tuple[ImageSet, np.ndarray]:
    """Return photographs of three classes, of which every other one of the first is darker, and which ones are."""
    pictures, each = photographs(180, side=24), 60
    labels = np.repeat(np.arange(3), each)
    marked = (labels == 0) & (np.arange(3 * each) % 2 == 0)
    pixels = [DARKER(one) if marked[i] else one for i, one in enumerate(pictures)]
    held = MemoryImages(torch.stack(pixels), ("",) * len(pixels))
    return ImageSet("photographs", "test", CLASSES, labels, held), marked


def test_of_names_the_one_that_explains_how_the_images_look_is_told_though_it_moves_less(
    photographs: Photographs,
) -> None:
    images, marked = with_dark_ones(photographs)
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=24, classes=CLASSES)
    decision = Decision(bound, "full-pass")
    seen = Examined(images, decision, np.where(marked, 0, 1), choosing_half(images.labels))
    dark = replace(candidate(marked), attribute="midtones", words="dark midtones", put_on=DARKER)
    bluish = replace(candidate(marked), attribute="cast", words="bluish cast", put_on=CASTING)
    moved = Intervention("transplanted", *[Estimate(0.0, 0.0, 0.1, 9)] * 3, images=9, p=0.0)

    def proven(one: Candidate, share: float) -> Judged:
        made = replace(moved, change=Estimate(share, share, share, 9))
        return Judged(associate(seen, one), (made,), 0.0, 0.0, SHORTCUT)

    [found] = judging._merged(seen, [proven(bluish, 0.9), proven(dark, 0.6)])
    assert (found.candidate.words, found.also) == ("dark midtones", ("bluish cast",))
    [found] = judging._merged(seen, [proven(bluish, 0.9), proven(dark, 0.2)])
    assert found.candidate.words == "bluish cast"


def test_how_far_a_name_explains_how_its_images_look_is_measured(photographs: Photographs) -> None:
    images, marked = with_dark_ones(photographs)

    def reads_darkness(tiles: Tensor) -> Tensor:
        return torch.stack([0.35 - tiles.mean((1, 2, 3)), *[torch.zeros(len(tiles))] * 2], dim=1)

    classifier = Classifier.of(reads_darkness, classes=CLASSES, tile=24, mean=0.0, std=1.0, input_range="0-1")
    decision = Decision(TiledModel(classifier, tile=24), "full-pass")
    seen = Examined(images, decision, np.where(marked, 0, 1), choosing_half(images.labels))
    dark = replace(candidate(marked), attribute="midtones", words="dark midtones", put_on=DARKER)
    [found] = judge(seen, [replace(dark, take_off=None)])
    fitting, unfitting, drawn = (
        judging._explained_by_name(
            seen, replace(found, association=associate(seen, replace(dark, **changed)))
        )
        for changed in ({}, {"named_by": lambda: CASTING}, {"drawn": True})
    )
    assert fitting is not None
    assert unfitting is not None
    assert fitting > 0.8 > 0.5 > unfitting
    assert drawn is None
    assert found.explained == fitting


def test_what_was_found_without_a_property_in_mind_is_told_by_what_has_one_though_that_moves_less() -> None:
    images, marked = world((0.5, 0, 0))
    found_last = replace(candidate(marked), words="pixelated", causes=ANY_CAUSE)

    def put_on_some(image: Tensor) -> Tensor:
        return (put_on(image) if int(image.sum()) % 2 else image).float()

    weaker = replace(candidate(marked), words="weak contrast", causes=MANY_CAUSES, put_on=put_on_some)
    [found] = judge(examined(reads_the_mark, images), [found_last, weaker])
    assert (found.word, found.candidate.words, found.also) == (SHORTCUT, "weak contrast", ("pixelated",))


def test_classes_without_images_that_test_say_nothing() -> None:
    images, marked = world((0.5, 0, 0), each=2)
    assert judge(examined(reads_the_mark, images), [candidate(marked)]) == ()


def test_few_verdicts_fall_on_networks_that_learnt_nothing() -> None:
    """Labels are permuted, so that nothing goes with accuracy; random marks of every class are candidates."""
    words = []
    for seed in range(40):
        images, _ = world((0, 0, 0), seed)
        random = np.random.default_rng((seed, 1))
        permuted = replace(images, labels=random.permutation(images.labels))
        setting = examined(reads_the_shade, permuted, seed)
        some = [
            candidate(random.random(len(permuted)) < 0.3, number) for number in range(3) for _ in range(5)
        ]
        words += [one.word for one in judge(setting, some)]
    assert words.count(SHORTCUT) == 0
    assert len(words) <= 6


def test_of_few_images_that_are_all_right_what_a_drawn_mark_moves_decides() -> None:
    def told(each: int, *, drawn: bool) -> list[str]:
        images, _ = world((0, 0, 0), each=each, mixed=0.0)
        marked = (images.labels == 0) & (np.arange(len(images)) % 2 == 0)
        for place in np.flatnonzero(marked):
            images.images.pixels[place] = put_on(images.images.pixels[place])
        found = judge(examined(reads_the_mark, images), [replace(candidate(marked), drawn=drawn)])
        return [one.word for one in found]

    assert told(40, drawn=True) == [SHORTCUT]
    assert told(40, drawn=False) == []
    assert told(400, drawn=True) == []


def test_what_is_given_to_the_class_makes_it_right_and_no_other_class() -> None:
    images, marked = world((0.5, 0, 0), each=200)
    seen, mark = examined(reads_the_mark, images), candidate(marked)
    made = given(seen, mark)
    assert made is not None
    assert (made.kind, made.after.value, made.change.chance) == (GIVEN, 1, 0)
    assert made.effect == 1
    wrong = ~seen.choosing & ~marked & (seen.labels == 0) & (seen.predictions != 0)
    assert made.images == wrong.sum()
    assert given(examined(reads_the_shade, images), mark).effect == 0


def test_what_it_gives_proves_nothing_alone() -> None:
    images, marked = world((0.5, 0, 0))
    found = associate(examined(reads_the_mark, images), candidate(marked))
    half = Estimate(0.5, 0.4, 0.6, 9, chance=0.0)
    gives = Intervention(GIVEN, *[half] * 3, images=9, p=0.0)
    moves, idle = (replace(gives, kind=TRANSPLANTED, p=p) for p in (0.01, 0.5))
    assert RULE.proofs(found, [gives]) == []
    assert gives in RULE.proofs(found, [gives, moves])
    assert gives not in RULE.proofs(found, [gives, idle])


def test_what_else_of_the_class_gives_to_the_same_images_is_the_chance_of_what_is_given() -> None:
    images, marked = world((0.5, 0, 0), each=200)
    seen, mark = examined(reads_the_mark, images), candidate(marked)
    as_much = given(seen, replace(mark, beside=put_on))
    assert as_much is not None
    assert (as_much.effect, as_much.p, as_much.beside) == (0, 1, True)
    less = given(seen, replace(mark, beside=lambda image: image))
    assert less is not None
    assert (less.effect, less.change.chance) == (1, 0)
    assert less.p >= 0.5**less.images


def test_nothing_is_given_where_it_could_prove_nothing() -> None:
    # Half of the dark images have the mark, so too few of them are wrong, or too few of the others.
    images, marked = world((0.5, 0, 0), each=400)
    seen, mark = examined(reads_the_mark, images), candidate(marked)
    assert given(seen, mark) is not None
    assert given(seen, replace(mark, causes=ANY_CAUSE)) is None
    for rare in (seen.labels == 0, seen.labels != 0):
        wrong = np.flatnonzero(rare & ~seen.choosing & ~marked & (seen.predictions != seen.labels))
        few = replace(
            seen, decided=np.where(np.isin(np.arange(len(rare)), wrong[7:]), seen.labels, seen.predictions)
        )
        assert given(few, mark) is None


def test_what_removing_chose_proves_nothing_by_removing() -> None:
    images, marked = world((0.5, 0, 0))
    seen, mark = examined(reads_the_mark, images), candidate(marked)
    assert without(seen, mark) is not None
    assert without(seen, replace(mark, by_removal=True)) is None


def test_a_class_with_few_images_without_it_is_no_measure_of_what_removing_does_anyway() -> None:
    images, marked = world((0.97, 0, 0), each=400)
    seen = examined(reads_the_mark, images)
    asked: list[int] = []

    def counted(image: Tensor, place: int) -> Tensor:
        asked.append(place)
        return take_off(image)

    assert without(seen, replace(candidate(marked), take_off=None, take_off_of=counted)) is not None
    lacking = [place for place in set(asked) if not marked[place]]
    assert len(lacking) >= 8
    assert {int(seen.labels[place]) for place in lacking} == {0, 1, 2}


def two_classes(each: int = 100) -> Examined:
    """Dark and light images; half of the dark ones have the mark, which the network takes for nothing."""
    images, _ = world((0.5, 0, 0), each=each, mixed=0.0)
    kept = np.flatnonzero(images.labels != 1)
    some = replace(images.select(kept), classes=("dark", "light"), labels=images.labels[kept] // 2)
    classifier = Classifier.of(
        lambda pixels: reads_the_shade(pixels)[:, [0, 2]],
        classes=("dark", "light"),
        tile=SIDE,
        mean=0.0,
        std=1.0,
        input_range="0-255",
    )
    decision = Decision(TiledModel(classifier, tile=SIDE), "full-pass")
    whole = (some.image(i).float() for i in range(len(some)))
    return Examined(some, decision, decision.predictions(whole), choosing_half(some.labels, 0), 0)


def test_with_two_classes_what_moves_images_is_compared_with_what_it_takes_from_the_class() -> None:
    seen = two_classes()
    has = (seen.labels == 0) & (np.arange(len(seen.labels)) % 2 == 0)
    # Inverted, dark images become light and light ones dark: nothing that makes images dark.
    inverted = transplanted(seen, replace(candidate(has), put_on=lambda image: 255 - image))
    assert inverted is not None
    assert (inverted.after.value, inverted.change.chance, inverted.of_two) == (1, 1, True)
    assert inverted.p > 0.5
    darker = transplanted(seen, replace(candidate(has), put_on=lambda image: image // 4))
    assert darker is not None
    assert (darker.after.value, darker.change.chance) == (1, 0)
    assert darker.p < 1e-6


def test_what_else_of_the_class_moves_the_same_images_is_compared_pair_by_pair() -> None:
    images, marked = world((0.5, 0, 0))
    seen = examined(reads_the_mark, images)
    alone = transplanted(seen, candidate(marked))
    # Both are pasted on the same images, and do the same.
    both = transplanted(seen, replace(candidate(marked), beside=put_on))
    assert alone is not None
    assert both is not None
    assert (both.effect, both.p) == (0, 1)
    other = transplanted(seen, replace(candidate(marked), beside=lambda image: image))
    assert other is not None
    assert other.p == pytest.approx(0.5**other.images)
