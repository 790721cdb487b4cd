"""A place that is said to be decided stays as it is: simulated races, stopped at random lines of their logs.

`MATLINE_PODIUM_RACES` sets how many races, `MATLINE_PODIUM_SEED` the first seed. A false claim is shown with its seed.
"""

import os
from itertools import pairwise
from random import Random

from services.offline.scored_log import Log
from tests.standings.podium_races import false_claims, race_lines, standings_now

RACES = int(os.environ.get("MATLINE_PODIUM_RACES", "40"))
SEED = int(os.environ.get("MATLINE_PODIUM_SEED", "0"))
STOPS = 30  # in a race


def test_no_place_that_was_decided_changes_without_an_officials_fact():
    claims, false = 0, []
    for seed in range(SEED, SEED + RACES):
        lines = race_lines(seed)
        stops = set(Random(seed).sample(range(len(lines) // 8, len(lines)), STOPS)) | {len(lines) - 1}
        log, moments = Log(), []
        for number, (_, line) in enumerate(lines):
            log.add(line)
            if number in stops:
                moments.append(standings_now(log))
        claims += sum(place.decided for moment in moments for standing in moment.values() for place in standing.podium)
        false += [
            f"seed {seed}, {claim}" for before, after in pairwise(moments) for claim in false_claims(before, after)
        ]
    assert false == []
    assert claims > 100 * RACES  # silence would be right too
