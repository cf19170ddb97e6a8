"""The names of the protocols, and how a score is written with its protocol."""

FULL_PASS = "full-pass"
REESTIMATED = "full-pass+bn"  # with BatchNorm statistics re-estimated on whole images
FIVE_CROP = "five-crop"  # the mean logit of five views of whole images
MEAN_LOGIT, MEAN_PROBABILITY, VOTE, SINGLE_TILE = "mean-logit", "mean-probability", "vote", "single-tile"
TOP_K, MAX, NOISY_OR, ATTENTION = "top-k", "max", "noisy-or", "attention"

# For objects of a few tiles: used if requested, or trained for.
POOLED = (TOP_K, MAX, NOISY_OR, ATTENTION)

# Those under which every classifier of tiles is judged, unless others are requested.
USUAL = (FULL_PASS, MEAN_LOGIT, MEAN_PROBABILITY, VOTE, SINGLE_TILE)

# All that can be requested.
PROTOCOLS = (FULL_PASS, MEAN_LOGIT, *POOLED, MEAN_PROBABILITY, VOTE, SINGLE_TILE)

# With those that an evaluation adds on request, in the order of tables.
ALL_PROTOCOLS = (FULL_PASS, REESTIMATED, FIVE_CROP, *PROTOCOLS[1:])

# Protocols that read no tiles.
WHOLE = (FULL_PASS, REESTIMATED, FIVE_CROP)

# Scores that are logits; those of the other protocols are shares that sum to 1.
LOGIT_PROTOCOLS = (FULL_PASS, REESTIMATED, FIVE_CROP, MEAN_LOGIT, *POOLED)


def scored_by(protocol: str, tile: int | None, stride: int | None) -> str:
    """Say how a score was made: its protocol and, if that reads tiles, their size and stride in pixels.

    >>> scored_by("mean-logit", 16, 4), scored_by("full-pass", 16, 4)
    ('mean-logit, tile 16, stride 4', 'full-pass')
    """
    if protocol in WHOLE:
        return protocol
    said = [protocol]
    said += [] if tile is None else [f"tile {tile}"]
    said += [] if stride is None else [f"stride {stride}"]
    return ", ".join(said)
