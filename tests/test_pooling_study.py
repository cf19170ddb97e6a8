"""The study of poolings: how its networks are summed up."""

import numpy as np
from studies.pooling import SINGLE, draw_figure, summarise, table

from nearsight.settings.pooled import POOLINGS, Pooling


def test_each_training_is_judged_by_its_own_protocol_against_the_mean() -> None:
    random = np.random.default_rng(0)
    protocols = ["full-pass", *(Pooling(name).protocol for name in POOLINGS if name != "attention")]
    rows = [
        {
            "network": [seed, "small", arm],
            "seconds": 1.0,
            "right": {
                protocol: "".join(
                    map(str, (random.random(50) < (0.9 if protocol == arm else 0.4)).astype(int))
                )
                for protocol in [*protocols, *(["attention"] if arm == "attention" else [])]
            },
        }
        for seed in range(2)
        for arm in (SINGLE, *POOLINGS)
    ]
    summary = summarise(rows)
    assert (summary["seeds"], summary["test_images"]) == (2, 50)
    gains = {row["pooling"]: row["gain"] for row in summary["gains"]}
    assert set(gains) == set(POOLINGS[1:])
    assert all(gain["value"] > 0.2 for gain in gains.values())
    written = table(summary)
    assert [line.count("|") for line in written.splitlines() if line.startswith("|")] == [9] * 8
    assert draw_figure(summary).axes[0].get_title() == "small objects"
