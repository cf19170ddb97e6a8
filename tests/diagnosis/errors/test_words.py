"""What would have changed the errors is said with both shares, of tiles and of pixels."""

from nearsight.diagnosis.errors.flip import Flip
from nearsight.diagnosis.errors.image_errors import Errors, ImageError
from nearsight.diagnosis.errors.words import hiding_words, removal_words
from nearsight.statistics import Estimate

HIDDEN = Estimate(0.5, 0.25, 0.75, n=2, chance=0.125)


def error(index: int, kind: str | None, flip: Flip | None) -> ImageError:
    return ImageError(index, "", 0, 1, margin=1.0, cost=1.0, flip=flip, kind=kind)


def test_of_tiles_left_out_both_shares_are_said_and_what_hiding_does() -> None:
    flips = [
        Flip((0,), 0, share=0.08, area=0.3, holds=True),
        Flip((0,), 0, share=0.08, area=0.3, holds=False),
        None,
    ]
    errors = Errors(
        tuple(error(i, "tile", flip) for i, flip in enumerate(flips)), (), 9, tried=3, hidden=HIDDEN
    )
    left_out, hidden = removal_words(errors)
    assert "leaving out 8 % of its tiles, the strongest, which cover 30 % of the image (medians)" in left_out
    assert "1 of the errors stand" in left_out
    assert "50 % (25 to 75) of 2 such predictions change, and 12 % with as many hidden elsewhere" in hidden


def test_older_files_that_did_not_reckon_pixels_say_the_tiles_alone() -> None:
    [said] = removal_words(Errors((error(0, "tile", Flip((0,), 0, share=0.08)),), (), 9))
    assert "cover" not in said


def test_of_whole_images_it_is_said_what_explains_and_how_much_was_hidden() -> None:
    flip = Flip((0,), 0, share=0.05, smallest=False, area=0.06, holds=True)
    listed = (error(0, "removal", flip), error(1, "tile", None), error(2, None, None))
    explained, hidden = hiding_words(Errors(listed, (), 9, tried=2, hidden=HIDDEN))
    assert explained == (
        "these errors are explained by what is lost without each tile in 1, by the map of their tiles in 1; "
        "1 less costly one has no map"
    )
    assert "changes 1 of 2 wrong predictions, with 6 % of the image hidden (the median)" in hidden
    assert "12 % of these change" in hidden
