"""Which arms are compared with which: like with like, fixed in advance but for the strongest."""

from nearsight.settings import Recipe
from nearsight.study import make_arms
from nearsight.study.pairing import Pair, make_pairs

WHOLE, TILES = ("full-pass", "five-crop"), ("full-pass", "mean-logit")


def pairs_of(names: list[str], strongest: tuple[str, str] | None = None) -> tuple[Pair, ...]:
    arms = make_arms(Recipe(), names, "steps", (32, 32))
    protocols = {arm.name: WHOLE if arm.recipe.tile is None else TILES for arm in arms}
    accuracies = {(name, protocol): 0.5 for name in protocols for protocol in protocols[name]}
    # An arm of tiles may be the best of all: it is no baseline.
    accuracies |= {key: 0.9 for key in accuracies if key[0].startswith("tile")}
    return make_pairs(arms, protocols, accuracies | ({strongest: 0.8} if strongest else {}))


def asked(names: list[str], strongest: tuple[str, str] | None = None) -> list[tuple[str, str, str, str]]:
    pairs = pairs_of(names, strongest)
    return [(one.arm, one.reference, one.reference_protocol, one.asked) for one in pairs if one.asked]


def test_tiles_are_held_against_their_like_the_usual_and_the_strongest() -> None:
    names = ["full", "full+flip", "full+standard", "full+cutmix", "tile-16", "tile-16+flip"]
    assert asked(names, ("full+cutmix", "five-crop")) == [
        ("tile-16", "full", "full-pass", "alike"),
        ("tile-16", "full", "five-crop", "alike-views"),
        ("tile-16", "full+standard", "full-pass", "usual"),
        ("tile-16", "full+cutmix", "five-crop", "strongest"),
        ("tile-16+flip", "full+flip", "full-pass", "alike"),
        ("tile-16+flip", "full+flip", "five-crop", "alike-views"),
        ("tile-16+flip", "full+standard", "full-pass", "usual"),
        ("tile-16+flip", "full+cutmix", "five-crop", "strongest"),
        ("full+flip", "full", "full-pass", "added"),
        ("full+standard", "full", "full-pass", "added"),
        ("full+cutmix", "full", "full-pass", "added"),
        ("tile-16+flip", "tile-16", "mean-logit", "added"),
    ]


def test_an_addition_is_held_against_an_arm_that_lacks_nothing_else() -> None:
    assert asked(["full+flip", "full+cutout", "full+standard", "full+flip+cutmix"]) == [
        ("full+standard", "full+flip", "full-pass", "added"),
        ("full+cutout", "full+flip", "full-pass", "other"),
        ("full+flip+cutmix", "full+flip", "full-pass", "added"),
    ]
    assert asked(["tile-8+flip", "tile-8+cutout", "tile-8+cutout+cutmix"]) == [
        ("tile-8+cutout", "tile-8+flip", "mean-logit", "other"),
        ("tile-8+cutout+cutmix", "tile-8+cutout", "mean-logit", "added"),
    ]


def test_the_strongest_is_told_apart_only_where_it_is_another() -> None:
    names = ["full+flip", "full+standard", "tile-16+flip"]
    for known in (("full+standard", "full-pass"), ("full+flip", "five-crop")):
        assert "strongest" not in {row[-1] for row in asked(names, known)}
    found = asked(names, ("full+standard", "five-crop"))
    assert ("tile-16+flip", "full+standard", "five-crop", "strongest") in found
    assert found[-1] == ("full+standard", "full+flip", "full-pass", "added")


def test_without_its_like_a_difference_says_so() -> None:
    assert asked(["full", "tile-16+flip"]) == [("tile-16+flip", "full", "full-pass", "different")]
    assert asked(["tile-8", "tile-16+flip"]) == [("tile-8", "tile-16+flip", "mean-logit", "different")]


def test_tiles_alone_are_held_against_the_largest_with_the_same_augmentation() -> None:
    assert asked(["tile-8", "tile-8+flip", "tile-16", "tile-16+flip", "tile-24"]) == [
        ("tile-8", "tile-24", "mean-logit", "alike"),
        ("tile-8+flip", "tile-16+flip", "mean-logit", "alike"),
        ("tile-16", "tile-24", "mean-logit", "alike"),
        ("tile-8+flip", "tile-8", "mean-logit", "added"),
        ("tile-16+flip", "tile-16", "mean-logit", "added"),
    ]


def test_every_protocol_of_tiles_is_held_against_all_whole_images_once() -> None:
    pairs = pairs_of(["full", "full+flip", "full+standard", "tile-16", "tile-16+flip"])
    assert len(set(pairs)) == len(pairs)
    for tile in ("tile-16", "tile-16+flip"):
        for whole in ("full", "full+flip", "full+standard"):
            found = {one.protocol for one in pairs if (one.arm, one.reference) == (tile, whole)}
            assert found == set(TILES)


def test_arms_speak_by_the_pooling_that_they_were_trained_by() -> None:
    base = Recipe(pooling="max", tiles_per_image=4)
    arms = make_arms(base, ["full", "tile-16", "tile-16+flip"], "steps", (32, 32))
    assert [arm.recipe.pooling for arm in arms] == ["mean", "max", "max"]
    protocols = {arm.name: WHOLE if arm.recipe.tile is None else (*TILES, "max") for arm in arms}
    found = [pair for pair in make_pairs(arms, protocols, {}) if pair.asked]
    assert {pair.protocol for pair in found} == {"max"}
    assert {pair.reference_protocol for pair in found} == {"full-pass", "five-crop", "max"}


def test_a_pooling_is_an_addition_that_is_judged_by_its_own_protocol() -> None:
    arms = make_arms(Recipe(batch_size=128), ["full", "tile-16", "tile-16+max"], "steps", (32, 32))
    recipe = arms[-1].recipe
    assert (recipe.pooling, recipe.tiles_per_image, recipe.batch_size) == ("max", 8, 16)
    # As many steps, and as many tiles in each.
    assert recipe.epochs / recipe.batch_size == Recipe().epochs / 128
    protocols = {"full": WHOLE, "tile-16": TILES, "tile-16+max": (*TILES, "max")}
    found = [pair for pair in make_pairs(arms, protocols, {}) if pair.asked and pair.arm == "tile-16+max"]
    assert [(pair.protocol, pair.reference, pair.reference_protocol, pair.asked) for pair in found] == [
        ("max", "full", "full-pass", "alike"),
        ("max", "full", "five-crop", "alike-views"),
        ("max", "tile-16", "mean-logit", "added"),
    ]
