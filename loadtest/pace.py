"""Draw runners' finish times and pacing, fitted on a real marathon and applied to other distances.

Fitted on the 31,931 finishers of the Boston Marathon of 21 April 2014 (gender, age, cumulative minutes at 5, 10, 20,
21.1, 25, 30, 35 and 40 km and the finish; anonymous, from the public repository llimllib/bostonmarathon at f49b449):

- Finish times: quantiles by gender and ten-year age group, whole seconds.
- Pacing: for each of the 31,596 finishers with all splits how far their share of time is from their share of
  distance, t(x)/T - x. Its first principal direction, scaled to 1 at half way, explains 96.5 % of it (FADE_SHAPE). How
  much of that shape a runner has depends on the finish time (_FADE); it is negative for runners who slow down. The rest
  has a standard deviation of 0.2 to 1.7 % of the finish time, growing with it (REST_SD).

Boston asks for qualifying times, so its field is faster than a city's; `mass_factor` of a plan slows it down.
"""

from random import Random
from typing import Literal

from loadtest.dice import bell, quantile

MARATHON_KM = 42.195

RIEGEL_EXPONENT = 1.06
"""Time grows with distance to this power. Source: P. S. Riegel, Athletic Records and Human Endurance, American
Scientist 69 (1981)."""

_P = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)

# By gender, then by the oldest age of each group; seconds at the probabilities of _P.
_FINISH_S: dict[str, list[tuple[int, tuple[int, ...]]]] = {
    "M": [
        (29, (7728, 7788, 8776, 9431, 9786, 10550, 11820, 15450, 18509, 20244, 22926, 25903, 25964)),
        (39, (7717, 7963, 9113, 9847, 10192, 10826, 12112, 15695, 18538, 19858, 22716, 26048, 32053)),
        (49, (8388, 9022, 9768, 10504, 10835, 11599, 12702, 15074, 17846, 19677, 22601, 25528, 26847)),
        (59, (9281, 9688, 10381, 11176, 11704, 12542, 13671, 15708, 18546, 20155, 23103, 25982, 32333)),
        (199, (10748, 10932, 11561, 12813, 13329, 14311, 15756, 17967, 20549, 22156, 25287, 26984, 28390)),
    ],
    "F": [
        (29, (8399, 8487, 10393, 11413, 11912, 12646, 14178, 17299, 19759, 21100, 23329, 25908, 26302)),
        (39, (8337, 9028, 10657, 11565, 12019, 12736, 13894, 16613, 19558, 21075, 23965, 25643, 27712)),
        (49, (9407, 10073, 11344, 12215, 12655, 13387, 14386, 16326, 19196, 20750, 23446, 25988, 28354)),
        (59, (10330, 10678, 11848, 12874, 13362, 14141, 15371, 17098, 19830, 21398, 24007, 26026, 27098)),
        (199, (12692, 12729, 13351, 14115, 14681, 15839, 16905, 18451, 20807, 21929, 24692, 26424, 26463)),
    ],
}

FADE_SHAPE = (
    (0.0, 0.0),
    (0.1185, 0.295),
    (0.2370, 0.568),
    (0.4740, 0.960),
    (0.5, 1.0),
    (0.5925, 1.017),
    (0.7110, 0.874),
    (0.8295, 0.525),
    (0.9480, 0.131),
    (1.0, 0.0),
)
"""The shape of pacing, at shares of the distance."""

_FADE_P = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)

# By the longest marathon time of each band in seconds; how much of the shape, at the probabilities of _FADE_P.
_FADE: list[tuple[int, tuple[float, ...]]] = [
    (10800, (-0.097, -0.0617, -0.0422, -0.0233, -0.0132, -0.0059, 0.0029, 0.0098, 0.0232)),
    (12600, (-0.1611, -0.0813, -0.0573, -0.0336, -0.0214, -0.0114, -0.0005, 0.0062, 0.0343)),
    (14400, (-0.1716, -0.1004, -0.0732, -0.0435, -0.0289, -0.0172, -0.0038, 0.0048, 0.0329)),
    (16200, (-0.2234, -0.1182, -0.086, -0.0552, -0.0396, -0.0261, -0.0092, 0.0037, 0.0385)),
    (19800, (-0.2263, -0.135, -0.1032, -0.0675, -0.0501, -0.0346, -0.0152, 0.0006, 0.0828)),
    (99999, (-0.318, -0.1619, -0.1214, -0.0745, -0.0562, -0.0416, -0.0235, -0.0128, 0.0268)),
]

# Standard deviation of the rest, the mean over the splits, for the same bands.
REST_SD = (0.0026, 0.0035, 0.0044, 0.0058, 0.0071, 0.0098)

FASTEST_MPS = 6.6  # over any stretch; the 5 km world record is run at 6.6 m/s


def marathon_s(rng: Random, gender: Literal["M", "F", "X"], age: int) -> float:
    """Return the marathon time of a runner of Boston's field, in seconds. Gender X is drawn from the women's times."""
    groups = _FINISH_S["M" if gender == "M" else "F"]
    times = next(times for oldest, times in groups if age <= oldest)
    return quantile(list(zip(_P, times, strict=True)), rng.random())


def at_distance_s(marathon: float, km: float) -> float:
    """Return a marathon time converted to another distance. Source: Riegel.

    The power is rounded to six digits, beyond which mathematical libraries may differ.
    """
    factor: float = round((km / MARATHON_KM) ** RIEGEL_EXPONENT, 6)
    return marathon * factor


def run_s(rng: Random, marathon: float, total_s: float, kms: list[float]) -> list[float]:
    """Return seconds from the start line to each of `kms`, which ascend to the finish, for a race of about `total_s`.

    `marathon` is the runner's marathon time, which determines the pacing; over shorter distances the fade is less in
    proportion (assumed). No stretch is run faster than FASTEST_MPS.
    """
    band = next(index for index, (longest, _) in enumerate(_FADE) if marathon <= longest)
    length = kms[-1]
    fade = quantile(list(zip(_FADE_P, _FADE[band][1], strict=True)), rng.random()) * min(length / MARATHON_KM, 1.0)
    times_s: list[float] = []
    before_s = before_km = 0.0
    for km in kms:
        share = km / length
        rest = bell(rng) * REST_SD[band] if km < length else 0.0
        at_s = total_s * (share + fade * quantile(FADE_SHAPE, share) + rest)
        before_s = max(at_s, before_s + (km - before_km) * 1000 / FASTEST_MPS)
        before_km = km
        times_s.append(before_s)
    return times_s
