"""Which arms are compared with which, and for what question: like with like, and the strongest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nearsight.settings.choices import ARM_POOLINGS
from nearsight.settings.protocols import FIVE_CROP, FULL_PASS
from nearsight.study.arms import STANDARD, Arm, added_to

# The question of a pair. All except STRONGEST are fixed before any result is known.
ADDED, OTHER, ALIKE, ALIKE_VIEWS = "added", "other", "alike", "alike-views"
USUAL, DIFFERENT = "usual", "different"
STRONGEST = "strongest"

ASKED = {
    ADDED: "what the addition is worth",
    OTHER: "another augmentation of the same size",
    ALIKE: "the same augmentation",
    ALIKE_VIEWS: "the same augmentation, and many views of both",
    USUAL: "the usual augmentation of whole images",
    DIFFERENT: "they differ in augmentation too",
    STRONGEST: "the strongest whole images, chosen by these test images",
}


@dataclass(frozen=True)
class Pair:
    """An arm under a protocol, its reference, and the question; an empty one is reported for completeness alone."""

    arm: str
    protocol: str
    reference: str
    reference_protocol: str
    asked: str = ""


def make_pairs(
    arms: Sequence[Arm],
    protocols: Mapping[str, Sequence[str]],
    accuracies: Mapping[tuple[str, str], float],
) -> tuple[Pair, ...]:
    """Return the pairs of arms that a comparison reports, in the order of its tables.

    >>> from nearsight.settings import Recipe
    >>> from nearsight.study.arms import make_arms
    >>> arms = make_arms(Recipe(), ["full+flip", "tile-8+flip"], "steps", (16, 16))
    >>> measured = {"full+flip": ["full-pass", "five-crop"], "tile-8+flip": ["mean-logit"]}
    >>> [(pair.arm, pair.reference_protocol, pair.asked) for pair in make_pairs(arms, measured, {})]
    [('tile-8+flip', 'full-pass', 'alike'), ('tile-8+flip', 'five-crop', 'alike-views')]

    `protocols` are those under which each arm was judged, and `accuracies` its accuracy under each. Arms of tiles
    are compared with whole images with the same augmentation, judged in one pass and on five views; with those
    that have the usual augmentation; and with the strongest arm and protocol of whole images, if that is another.
    Without whole images, the reference is the largest tile. An arm that is not the first of its size is compared
    with the first of those that lack some of its additions and have no others, or else with the first of its
    size. These pairs come last: what people ask first is tiles against whole images.
    """
    whole = [arm for arm in arms if arm.recipe.tile is None]
    tiled = [arm for arm in arms if arm.recipe.tile is not None]
    asked: list[Pair] = []
    for arm in tiled:
        asked += _against_whole(arm, whole, protocols, accuracies) if whole else _against_tiles(arm, tiled)
    for arm in arms:
        of_its_size = [other for other in arms if other.recipe.tile == arm.recipe.tile]
        if of_its_size[0] is not arm:
            asked.append(_against_its_size(arm, of_its_size))
    rest = [
        Pair(arm.name, protocol, reference.name, reference.headline)
        for reference in whole or tiled[-1:]
        for arm in tiled
        for protocol in protocols[arm.name]
        if arm is not reference
    ]
    named = {(pair.arm, pair.protocol, pair.reference, pair.reference_protocol) for pair in asked}
    others = (
        pair
        for pair in rest
        if (pair.arm, pair.protocol, pair.reference, pair.reference_protocol) not in named
    )
    return (*asked, *others)


def _against_its_size(arm: Arm, of_its_size: Sequence[Arm]) -> Pair:
    added = set(added_to(arm.name))
    without = next((other for other in of_its_size if set(added_to(other.name)) < added), None)
    reference, why = (of_its_size[0], OTHER) if without is None else (without, ADDED)
    return Pair(arm.name, arm.headline, reference.name, reference.headline, why)


def _against_whole(
    arm: Arm,
    whole: Sequence[Arm],
    protocols: Mapping[str, Sequence[str]],
    accuracies: Mapping[tuple[str, str], float],
) -> Iterator[Pair]:
    # Whole images have no tiles to pool.
    added = tuple(one for one in added_to(arm.name) if one not in ARM_POOLINGS)
    alike = next((other.name for other in whole if added_to(other.name) == added), None)
    usual = next((other.name for other in whole if other.name == STANDARD), None)
    found: dict[tuple[str, str], str] = {}
    if alike is not None:
        found[alike, FULL_PASS] = ALIKE
        if FIVE_CROP in protocols[alike]:
            found[alike, FIVE_CROP] = ALIKE_VIEWS
    if usual is not None:
        found.setdefault((usual, FULL_PASS), USUAL)
    if not found:
        found[whole[0].name, FULL_PASS] = DIFFERENT
    known = {key: accuracy for key, accuracy in accuracies.items() if key[0] in {one.name for one in whole}}
    if len(whole) > 1 and known:
        found.setdefault(max(known, key=lambda key: known[key]), STRONGEST)
    for (reference, protocol), why in found.items():
        yield Pair(arm.name, arm.headline, reference, protocol, why)


def _against_tiles(arm: Arm, tiled: Sequence[Arm]) -> Iterator[Pair]:
    alike = [other for other in tiled if added_to(other.name) == added_to(arm.name)]
    if alike[-1] is not arm:
        yield Pair(arm.name, arm.headline, alike[-1].name, alike[-1].headline, ALIKE)
    elif len(alike) == 1 and arm is not tiled[-1] and arm.recipe.tile != tiled[-1].recipe.tile:
        yield Pair(arm.name, arm.headline, tiled[-1].name, tiled[-1].headline, DIFFERENT)
