"""A verdict as it is reported: what some images of a class have, what depends on it, and what proved it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nearsight.diagnosis.attributes.kinds import SHOWN
from nearsight.diagnosis.candidates import TABLE, TILE
from nearsight.diagnosis.repeats.wording import MARK, OVERLAY, WATERMARK
from nearsight.diagnosis.verdicts.compared import Compared
from nearsight.diagnosis.verdicts.interventions import GIVEN, INNER, LEARNED, TRANSPLANTED, Intervention
from nearsight.diagnosis.verdicts.rule import PICTURED, RULE, SHORTCUT
from nearsight.numbers import agreeing, counted
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, whole_per_cent

# What proves something without saying what it is, by the kind of the intervention.
NAMELESS = {
    LEARNED: "fine detail without a name",
    INNER: "something without a name that the network's inner layers see",
}
# A name that tells less than this share of how its images look does not fit.
FITS, UNFITTING = 0.5, "something without a fitting name"
# From this share on of what images have, what is added is as strong.
AS_STRONG = 0.8
# How many times stronger the difference that an edit makes is shown, and the longest side of these pictures.
AMPLIFIED, EDITED_SIDE = 4, 128
# The colour of what a layer sees, red, green and blue, and how much of it the strongest places have.
RED, HIGHLIGHT = (255, 10, 10), 0.8
# An accuracy of fewer images is told with their number.
FEW = 10


@dataclass(frozen=True, eq=False)
class Edited:
    """An image of another class before and after an edit that was learned from images.

    `index` is its place in the set, `taken_for` what it is classified as after it. `pictures` is uint8 (3, 3, H, W):
    the image, the edited one, and 128 plus 4 times their difference; of images of more than 128 pixels a side it is
    their middle, since fine detail would be lost in a smaller picture.
    """

    index: int
    taken_for: int
    pictures: Tensor

    @property
    def amplified(self) -> int:
        """How many times stronger the difference is shown."""
        return AMPLIFIED

    @staticmethod
    def of(index: int, image: Tensor, edited: Tensor, taken_for: int) -> "Edited":
        """Return an image, uint8 (3, H, W), with its edited self and what is new in it.

        >>> grey = torch.full((3, 1, 200), 100, dtype=torch.uint8)
        >>> Edited.of(7, grey, grey + 10, 1).pictures[:, 0, 0, 0].tolist()
        [100, 110, 168]
        """
        top, left = (max(0, side - EDITED_SIDE) // 2 for side in image.shape[1:])
        before, after = (
            one[:, top : top + EDITED_SIDE, left : left + EDITED_SIDE].int() for one in (image, edited)
        )
        new = (128 + AMPLIFIED * (after - before)).clamp(0, 255)
        return Edited(index, taken_for, torch.stack([before, after, new]).to(torch.uint8))

    def __eq__(self, other: object) -> bool:
        """Whether all of it is equal, the pictures pixel by pixel."""
        if not isinstance(other, Edited):
            return NotImplemented
        same = (self.index, self.taken_for) == (other.index, other.taken_for)
        return same and torch.equal(self.pictures, other.pictures)

    __hash__ = object.__hash__


@dataclass(frozen=True, eq=False)
class Highlighted:
    """An image that has something, and where a layer of the network sees it.

    `index` is its place in the set. `picture` is uint8 (3, H, W), at most 128 pixels a side: the image in grey, the
    redder the more of it is seen there.
    """

    index: int
    picture: Tensor

    @staticmethod
    def of(index: int, image: Tensor, seen: Tensor) -> "Highlighted":
        """Return an image, uint8 (3, H, W), with where it has something, float (H, W), 0 for nowhere.

        >>> grey, seen = torch.full((3, 4, 4), 100, dtype=torch.uint8), torch.zeros(4, 4)
        >>> seen[0, 0] = 5.0
        >>> Highlighted.of(7, grey, seen).picture[:, 0, :2].T.tolist()
        [[224, 28, 28], [100, 100, 100]]
        """
        share = min(1.0, EDITED_SIDE / max(image.shape[1:]))
        size = [max(1, round(side * share)) for side in image.shape[1:]]
        grey, strong = (
            interpolate(one[None, None], size=size, mode="area")[0, 0]
            for one in (image.float().mean(0), seen.float())
        )
        # A single strongest place must not hide all others.
        most = max(float(strong.flatten().quantile(0.98)), float(strong.max()) / 4)
        red = (strong / most).clamp(max=1) * HIGHLIGHT if most > 0 else torch.zeros_like(strong)
        tinted = [grey * (1 - red) + level * red for level in RED]
        return Highlighted(index, torch.stack(tinted).round().to(torch.uint8))

    def __eq__(self, other: object) -> bool:
        """Whether all of it is equal, the picture pixel by pixel."""
        if not isinstance(other, Highlighted):
            return NotImplemented
        return self.index == other.index and torch.equal(self.picture, other.picture)

    __hash__ = object.__hash__


@dataclass(frozen=True)
class Verdict:
    """One shortcut, or suspect, of one class.

    `attribute` is the name of its kind, `words` what a person calls it; `also` are the words of other attributes
    that the same images have. `images` are the places of all the class's images that have it, `examples` those of
    six that show it best, `beside` those of some of the class that do not have it. `place` is where it is seen,
    (top, left, bottom, right) as shares of height and width, None for everywhere. `share` is that of the class's
    images; its chance is that of other classes' images. `accuracy_with` and `accuracy_without` are those of the
    class's images, and `difference` is the first minus the second; its chance is that of as many images chosen by
    strength of evidence. `errors_without` is the share of the class's errors that are in images without it; its
    chance is the share of such images. All are measured on images that did not choose. `q` is the false discovery
    rate over all candidates at which it is believed. `pictured` says that it would be a shortcut, were it not that
    it may be what these images show. `proven_by` is the kind of the intervention that proves it, "" if none
    does, or if an older version wrote it. If it is "learned", `edited` are some images before and after that edit.
    If it is "learned" or "inner", `words` say only what it was found as; if "inner", `highlighted` are the examples
    with where a layer sees it. `alike` are further images of the class, which do not look as if they had it, but
    which the classifier takes for the class in the same way; no figure counts them. `missing` says in words what
    keeps a suspect from being a shortcut; nothing if an older version wrote it. `compared` shows it in images, with
    it and without it, if no `place` and no other picture does. `explained` says how far the class's other images come
    to look like these if they are edited as `words` say: 0 not at all, 1 as much as these; None if that is not known.
    """

    class_number: int
    verdict: str
    attribute: str
    words: str
    also: tuple[str, ...]
    artefact: bool
    seen_in: str
    place: tuple[float, float, float, float] | None
    images: tuple[int, ...]
    examples: tuple[int, ...]
    beside: tuple[int, ...]
    share: Estimate
    accuracy_with: Estimate
    accuracy_without: Estimate
    difference: Estimate
    errors_without: Estimate
    interventions: tuple[Intervention, ...]
    q: float
    pictured: bool = False
    proven_by: str = ""
    edited: tuple[Edited, ...] = ()
    highlighted: tuple[Highlighted, ...] = ()
    alike: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    compared: Compared | None = None
    explained: float | None = None

    @property
    def may_be_the_class(self) -> bool:
        """Whether pictures show such things by themselves, as scratches or rain, so that a class may be about it."""
        return self.attribute in (MARK, OVERLAY, WATERMARK) or self.attribute in SHOWN

    @property
    def few_without(self) -> str:
        """How many images without it the accuracy is of, with " of ", if these are fewer than `FEW`; otherwise ""."""
        count = self.accuracy_without.n or 0
        return f" of {counted(count, 'image')}" if 0 < count < FEW else ""

    @property
    def by_chance(self) -> str:
        """That changed images prove a shortcut, and accuracy alone might not show it; "" if it does."""
        low = self.difference.low
        if self.verdict != SHORTCUT or low is None or low > 0:
            return ""
        return " (that difference could be chance; changed images prove the shortcut)"

    @property
    def why_suspect(self) -> str:
        """Why it is a suspect and no shortcut, a sentence; "" for a shortcut, or if that is not known."""
        if self.verdict == SHORTCUT:
            return ""
        missing = self.missing or ((PICTURED,) if self.pictured else ())
        return f"it is a suspect, not a shortcut, because {'; and '.join(missing)}" if missing else ""

    @property
    def all_but_the_object(self) -> bool:
        """Whether all of a shortcut is shown of a suspect, but not that it has nothing to do with the object.

        What may be of the object is no suspect without a proof, and neither is one called `pictured`.
        """
        return (not self.artefact or self.pictured) and len(self.missing) <= 1

    @property
    def ruled(self) -> tuple[int, ...]:
        """The images that its rule finds: all of `images`, but an older version held those `alike` in them too."""
        alike = set(self.alike)
        return tuple(index for index in self.images if index not in alike)

    @property
    def unfitting(self) -> str:
        """That its name tells little of what sets its images apart, a sentence; "" if it tells more, or is none."""
        if self.explained is None or self.explained >= FITS:
            return ""
        told = points(max(0.0, self.explained), 0)
        return f"its name tells only {told} % of how these images differ from others, so look at them"

    @property
    def told(self) -> str:
        """What it is, in words; of what is proven without a name, that it has none, and what it was found as."""
        nameless = UNFITTING if self.unfitting else NAMELESS.get(self.proven_by)
        return self.words if nameless is None else f"{nameless}, found as: {self.words}"

    def sentence(self, class_name: str) -> str:
        """Say the verdict: what, in how many images, and the accuracy with it and without it.

        >>> some, less = Estimate(0.58, 0.5, 0.66, n=125, chance=0.01), Estimate(0.19, 0.1, 0.32, n=52)
        >>> sure, none = Estimate(1.0, 0.95, 1.0, n=73), Estimate(None, None, None, 0)
        >>> found = Verdict(
        ...     4, "shortcut", "blocks", "8-pixel blocks", (), True, "image", None, (1, 7), (1,), (),
        ...     some, sure, less, Estimate(0.81, 0.68, 0.9, n=125), none, (), 0.001,
        ... )
        >>> for part in found.sentence("deer").split("; "):
        ...     print(part)
        deer: 8-pixel blocks, in 58 % (50 to 66) of its images and 1 % of other classes'
        of those with it 100 % (95 to 100) are right, of those without it 19 % (10 to 32)
        """
        said = f"{class_name}: {self.told}, in {whole_per_cent(self.share)} of its images"
        if self.share.chance is not None:
            said += f" and {points(self.share.chance, 0)} % of other classes'"
        said += f"; of those with it {whole_per_cent(self.accuracy_with)} are right"
        if self.accuracy_without.value is None:
            said += "; every image has it, so accuracy without it is unknown"
        else:
            said += f", of those without it {whole_per_cent(self.accuracy_without)}{self.few_without}"
            said += self.by_chance
        if self.alike:
            more = len(self.alike)
            said += (
                f"; {counted(more, 'more image')} {agreeing(more, 'is', 'are')} taken for {class_name} in the same "
                "way, and may have it too"
            )
        return "; ".join(filter(None, (said, self.unfitting, self.why_suspect)))

    def proofs(self, class_name: str) -> tuple[str, ...]:
        """Say what the interventions showed, one sentence each."""
        return tuple(self._proof(one, class_name) for one in self.interventions)

    def advice(self, class_name: str) -> str:
        """Say what to do next."""
        if self.seen_in == TABLE:
            return (
                f"Test on images of {class_name} from elsewhere, and see whether accuracy holds; an image may not "
                "show what the table says."
            )
        if self.verdict == SHORTCUT:
            return (
                f"Do not trust the accuracy on images of {class_name} without this. Train on images of {class_name} "
                "without it, or add it to images of every class; `nearsight repair` does that."
            )
        if self.proven_by == INNER:
            return (
                f"Look at the examples: what do they share that other images of {class_name} lack? If it does not "
                f"belong to {class_name}, it is a shortcut."
            )
        if self.all_but_the_object:
            return f"Look at the examples: if this does not belong to {class_name}, it is a shortcut."
        if self.proven_by:
            return (
                f"Test on other images of {class_name} with it and without it: if fewer are right without it, it "
                "is a shortcut."
            )
        return (
            "Nothing proves yet that the decision follows it. What could: more test images, or images of "
            f"{class_name} with it and without it that differ in nothing else."
        )

    def _proof(self, made: Intervention, class_name: str) -> str:
        chance = made.change.chance or 0.0
        part = "a tile of other reasons" if self.seen_in == TILE else "a spot of other images"
        if made.kind == TRANSPLANTED:
            by_chance = _by_chance(made, class_name, f"{part} of {class_name}")
            return (
                f"added to {counted(made.images, 'image')} of other classes, it makes "
                f"{whole_per_cent(made.after)} of them {class_name} ({by_chance}){_weaker(made)}"
            )
        if made.kind == LEARNED:
            by_chance = _by_chance(made, class_name, f"that of {class_name} without it")
            return (
                f"their fine detail, added to {counted(made.images, 'image')} of other classes, makes "
                f"{whole_per_cent(made.after)} of them {class_name} ({by_chance})"
            )
        if made.kind == INNER:
            beside = (
                f"as far to those of the surest {class_name} without it, {points(chance, 0)} %"
                if made.beside
                else f"to any one other class, {points(chance, 0)} %"
            )
            return (
                f"{counted(made.images, 'image')} of other classes are classified while the features of one layer "
                f"are moved to those of these images: {whole_per_cent(made.after)} of them become {class_name} "
                f"({beside})"
            )
        if made.kind == GIVEN:
            share = f"{points(chance, 0)} %"
            by_chance = (
                f"{part} of {class_name} makes {share} of them right"
                if made.beside
                else f"the same change makes {share} of wrong images of other classes right"
            )
            return (
                f"added to {counted(made.images, f'wrong image of {class_name}', f'wrong images of {class_name}')} "
                f"without it, it makes {whole_per_cent(made.after)} right ({by_chance}){_weaker(made)}"
            )
        return (
            f"removed from {counted(made.images, 'image')} that are right, it leaves "
            f"{whole_per_cent(made.after)} of them "
            f"right (the same change, or adding and removing it, leaves {points(1 + chance, 0)} % of images without "
            f"it right){_left(made)}"
        )


def _by_chance(made: Intervention, class_name: str, beside: str) -> str:
    """Say what is compared with what was added: something else of the class, or the harm that the change does."""
    moved = f"{points(made.change.chance or 0.0, 0)} %"
    if made.beside:
        return f"{beside} makes {moved} of them {class_name}"
    if made.of_two:
        return f"the same change takes {moved} of images of {class_name} to the other class"
    return f"the same change takes {moved} of them to any one other class"


def _left(made: Intervention) -> str:
    """Say that an edit leaves most of what it should remove, where it does."""
    if made.reached is None or made.reached >= RULE.least_way:
        return ""
    way = points(max(0.0, made.reached), 0)
    return f"; but the edit removes little of it: it goes {way} % of the way to images without it"


def _weaker(made: Intervention) -> str:
    """Say that an edit is weaker than what it imitates, where it is."""
    if made.reached is None or made.reached >= AS_STRONG:
        return ""
    return (
        f"; this is too little rather than too much, as what is added is {points(max(0.0, made.reached), 0)} % as "
        "strong as in these images"
    )
