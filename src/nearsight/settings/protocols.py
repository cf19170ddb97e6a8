"""The names of the protocols."""

FULL_PASS = "full-pass"
REESTIMATED = "full-pass+bn"  # with BatchNorm statistics re-estimated on whole images
MEAN_LOGIT, MEAN_PROBABILITY, VOTE, SINGLE_TILE = "mean-logit", "mean-probability", "vote", "single-tile"

PROTOCOLS = (FULL_PASS, MEAN_LOGIT, MEAN_PROBABILITY, VOTE, SINGLE_TILE)

# Scores that are logits; those of the other protocols are shares that sum to 1.
LOGIT_PROTOCOLS = (FULL_PASS, REESTIMATED, MEAN_LOGIT)
