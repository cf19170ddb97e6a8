"""Something drawn at one place, for a group of images that no edit of its attribute makes others of."""

from dataclasses import replace

from nearsight.diagnosis.attributes.transfers import FEWEST, PlaceTransfer, place_transfer
from nearsight.diagnosis.candidates import Candidate, Edit, Examined
from nearsight.diagnosis.repeats.overlay import Overlay
from nearsight.diagnosis.repeats.wording import Said, said_of

# Images of the class from which an edit is learned, on each side, and images of other classes on which it is tried.
LEARNED_FROM, TRIED_ON = 64, 32
# An edit that moves this share of them is not replaced by another, and another must move this many more.
ENOUGH, MORE = 0.5, 0.1
# A drawn mark covers at most this share of the picture, and lets at most this much of what is behind it through;
# a group that was not found by what is drawn may picture the same at one place, so then it lets hardly anything.
LARGEST_DRAWN, DRAWN, OPAQUE = 0.5, 0.9, 0.3


def as_drawn(examined: Examined, candidate: Candidate) -> Candidate:
    """Return a candidate with what is drawn on its images as its edit and its name, if that moves more to its class.

    A white bar makes images "overexposed", and brightening others does not make them so. What differs at each place
    between the images of the class that have the attribute and its others, or those of other classes if nearly all of
    the class have it, is learned from those that choose (`place_transfer`). It counts if hardly anything of the
    picture is left where it is, and if it moves 10 % more of the other classes' images that choose to the class than
    the attribute's own edit, which moves less than half.
    Only artefacts are looked at.
    """
    if not candidate.artefact:
        return candidate
    mine, has = examined.labels == candidate.class_number, candidate.has
    own = mine & ~has
    enough = (own & examined.choosing).sum() >= FEWEST
    change, like = (
        examined.pictures(these, LEARNED_FROM) for these in (own if enough else ~mine & ~has, mine & has)
    )
    places = place_transfer(change, like)
    if places is None or (said := said_of_places(places, OPAQUE)) is None:
        return candidate
    moved = moved_by(examined, candidate, candidate.put_on)
    if moved >= ENOUGH or moved_by(examined, candidate, places) < moved + MORE:
        return candidate
    return replace(
        candidate,
        attribute=said.attribute,
        words=said.words,
        put_on=places,
        take_off=places.back,
        named_by=None,
        drawn=True,
        pictured=False,
    )


def moved_by(examined: Examined, candidate: Candidate, edit: Edit | None) -> float:
    """Return which share of some of the other classes' images that choose an edit moves to the candidate's class."""
    number = candidate.class_number
    free = (examined.labels != number) & (examined.predictions != number) & ~candidate.has
    pictures = examined.pictures(free, TRIED_ON)
    if edit is None or not pictures:
        return 0.0
    return float((examined.decision.predictions_of(pictures, edit) == number).mean())


def said_of_places(places: PlaceTransfer, most: float = DRAWN) -> Said | None:
    """Return the words for what is changed in a part of the picture; None if nothing is drawn there.

    At most the share `most` of what is behind it may show through.
    """
    wide = float(places.where.float().mean()) > LARGEST_DRAWN
    if wide or float(places.gain[:, places.where].median()) > most:
        return None
    alpha = places.where.float() * (1 - places.gain.mean(0)).clamp(0.1, 1)
    return said_of(Overlay(alpha, places.after * alpha, alpha.new_ones(alpha.shape)))
