"""Clocks of devices at one mat against each other: who crosses it is read by several of them within a second or two."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from schemas.ids import US
from services.health.observed import Observed

WINDOW = 20  # passings that are compared together
WINDOWS_MAX = 24
TOGETHER_US = 8 * US  # two devices at one mat agree on how far they differ to within this, over the athletes
AGREE_US = 5 * US  # main devices that differ by less tell the same time
BACKUP_AGREE_US = 15 * US  # a backup may lie some metres on
MATCHED_SHARE = 0.5
MATCHED_MIN = 3
CHANGE_MIN = 10  # passings that a change needs

Times = dict[str, list[int]]
"""Instants at which one device saw each athlete, ascending."""


class Phase(NamedTuple):
    """From when on a device differed from another by `ahead_us`: `from_us` None from the beginning on, else by the
    device's own passings, as corrected so far.
    """

    from_us: int | None
    ahead_us: int
    passings: int


class MatClocks(NamedTuple):
    """The devices of a mat: the largest group that agrees, the phases of the others, and whether it outnumbers them."""

    agreeing: list[int]
    differing: dict[int, list[Phase]]
    decided: bool


def times_by_mat(observed: Observed) -> dict[str, dict[int, Times]]:
    """Return when each device saw each athlete, by mat and device."""
    by_mat: dict[str, dict[int, Times]] = {}
    for bib, passings in observed.passings.items():
        for first_us, _, device, mat in passings:
            at_mat = by_mat.get(mat)
            if at_mat is None:
                at_mat = by_mat[mat] = {}
            times = at_mat.get(device)
            if times is None:
                times = at_mat[device] = {}
            instants = times.get(bib)
            if instants is None:
                times[bib] = [first_us]
            else:
                instants.append(first_us)
    return by_mat


def compare_mat(observed: Observed, times: Mapping[int, Times]) -> MatClocks:
    """Return which devices of a mat agree, and how the others differ from them."""
    devices = sorted(times, key=lambda number: (observed.devices[number].backup, -len(times[number]), number))
    ordered = {device: in_order(times[device]) for device in devices}
    phases: dict[tuple[int, int], list[Phase]] = {}
    for nth, device in enumerate(devices):
        for other in devices[nth + 1 :]:
            phases[device, other] = compare(times[device], times[other], ordered[other])

    def agree(device: int, other: int) -> bool:
        pair_phases = phases.get((device, other)) or phases.get((other, device)) or []
        backup = observed.devices[device].backup or observed.devices[other].backup
        limit_us = BACKUP_AGREE_US if backup else AGREE_US
        return bool(pair_phases) and all(abs(phase.ahead_us) <= limit_us for phase in pair_phases)

    groups = [[device, *(other for other in devices if other != device and agree(device, other))] for device in devices]
    if not groups:
        return MatClocks([], {}, True)
    largest = max(groups, key=len)
    anchor = largest[0]
    differing: dict[int, list[Phase]] = {}
    for device in devices:
        if device in largest:
            continue
        device_phases = compare(times[device], times[anchor], ordered[anchor])
        backup = observed.devices[device].backup or observed.devices[anchor].backup
        if any(abs(phase.ahead_us) > (BACKUP_AGREE_US if backup else AGREE_US) for phase in device_phases):
            differing[device] = device_phases
    rest = [len([other for other in group if other not in largest]) for group in groups if group[0] not in largest]
    return MatClocks(largest, differing, not differing or len(largest) > max(rest, default=0))


def in_order(times: Times) -> list[tuple[int, str]]:
    """Return a device's passings by time."""
    return sorted((at_us, bib) for bib, instants in times.items() for at_us in instants)


def compare(times: Times, reference: Times, ordered: Sequence[tuple[int, str]]) -> list[Phase]:
    """Return by how much a device is ahead of another, phase by phase; empty where they saw too few of the same.

    `ordered` are the passings of `reference` by time.
    """
    passings = [passing for passing in ordered if passing[1] in times]
    sample = _sample(passings)
    windows = [sample[begin : begin + WINDOW] for begin in range(0, len(sample), WINDOW)]
    if len(windows) > 1 and len(windows[-1]) < CHANGE_MIN:
        rest = windows.pop()
        windows[-1] = windows[-1] + rest
    spans: list[tuple[list[tuple[int, str]], int, int]] = []
    for window in windows:
        ahead = _common_difference(window, times)
        if ahead is None:
            continue
        ahead_us, matched = ahead
        if spans and abs(ahead_us - spans[-1][1]) < AGREE_US:
            spans[-1] = (spans[-1][0] + window, spans[-1][1], spans[-1][2] + matched)
        elif not spans or matched >= CHANGE_MIN:
            spans.append((window, ahead_us, matched))
    if not spans:
        return []
    leading = _leading(spans[0][0], times, spans[0][1])
    if leading is not None:
        spans = [leading, (spans[0][0][len(leading[0]) :], spans[0][1], spans[0][2]), *spans[1:]]
    phases = [Phase(None, _refined(spans[0][0], times, spans[0][1]), spans[0][2])]
    for (before, before_us, _), (after, after_us, matched) in pairwise(spans):
        begin = bisect_left(passings, before[-WINDOW:][0])
        end = bisect_left(passings, after[:WINDOW][-1]) + 1
        from_us = _changed_at(passings[begin:end], times, before_us, after_us)
        if from_us is not None:
            phases.append(Phase(from_us, _refined(after, times, after_us), matched))
    return phases


def _sample(passings: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return at most WINDOWS_MAX windows: the latest five whole, the rest thinned out evenly."""
    recent, most = 5 * WINDOW, (WINDOWS_MAX - 5) * WINDOW
    if len(passings) <= most + recent:
        return passings
    earlier = passings[:-recent]
    return [earlier[nth * len(earlier) // most] for nth in range(most)] + passings[-recent:]


def _common_difference(window: Sequence[tuple[int, str]], times: Times) -> tuple[int, int] | None:
    """Return the difference that most passings have in common, and how many have it."""
    differences = sorted(own_us - at_us for at_us, bib in window for own_us in times[bib])
    best, begin_best, begin = 0, 0, 0
    for end, difference in enumerate(differences):
        while difference - differences[begin] > TOGETHER_US:
            begin += 1
        if end - begin + 1 > best:
            best, begin_best = end - begin + 1, begin
    if best < MATCHED_MIN or best < MATCHED_SHARE * len(window):
        return None
    return int(median(differences[begin_best : begin_best + best])), best


def _leading(
    window: Sequence[tuple[int, str]], times: Times, ahead_us: int
) -> tuple[list[tuple[int, str]], int, int] | None:
    """Return the first passings of the day if they have another difference in common, too few for a window."""
    before: list[tuple[int, str]] = []
    for at_us, bib in window:
        if any(abs(own_us - at_us - ahead_us) <= TOGETHER_US // 2 for own_us in times[bib]):
            break
        before.append((at_us, bib))
    common = _common_difference(before, times) if len(before) >= MATCHED_MIN else None
    return None if common is None else (before, *common)


def _refined(window: Sequence[tuple[int, str]], times: Times, ahead_us: int) -> int:
    """Return the difference as the median over all passings of a phase."""
    near = [
        own_us - at_us
        for at_us, bib in window
        for own_us in times[bib]
        if abs(own_us - at_us - ahead_us) <= TOGETHER_US // 2
    ]
    return int(median(near)) if near else ahead_us


def _changed_at(passings: Sequence[tuple[int, str]], times: Times, before_us: int, after_us: int) -> int | None:
    """Return the device's instant of the first passing of the later phase, by the split that fits most passings."""
    marks: list[tuple[bool, int]] = []
    for at_us, bib in passings:
        candidates = [
            (abs(own_us - at_us - ahead_us), later, own_us)
            for own_us in times[bib]
            for later, ahead_us in ((False, before_us), (True, after_us))
        ]
        distance, later, own_us = min(candidates)
        if distance <= TOGETHER_US // 2:
            marks.append((later, own_us))
    wrong = sum(not later for later, _ in marks)
    best, split = wrong, 0
    for nth, (later, _) in enumerate(marks, start=1):
        wrong += 1 if later else -1
        if wrong < best:
            best, split = wrong, nth
    return marks[split][1] if split < len(marks) else None
