"""Which device's clock is wrong, by how much and since when; and what the passings are once that is put right."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.ids import US
from schemas.results import AthleteRow
from services.health.crossings import Crossings, find_crossings
from services.health.even_pace import Estimate, Field, Step, estimate_mat
from services.health.observed import DevicePassing, Observed, ObservedDevice
from services.health.peers import Phase, compare, compare_mat, in_order, times_by_mat
from services.scoring.core.course import Course

SIGNIFICANT = 5.0  # standard errors that a clock has to be off by, where only paces tell
OFF_MIN_S = 30.0  # seconds, there
OFF_MIN_US = 10 * US  # where devices at the same mat tell
SURE_S = 15.0  # an offset that paces tell is shown as the device's when its standard error is no more
ROUND_US = 1800 * US  # clocks are set to the wrong zone or hour: an offset near one of these is one of these
STRAYS = 2
ROUGH_S = 30.0  # an offset that paces tell less exactly is corrected only if it is whole half hours
TENTH_US = US // 10
ROUND_NEAR_US = 3 * US
FAVOURED = 12.0  # how much likelier (twice its logarithm) one of two devices has to be right


class ClockFault(NamedTuple):
    """Devices of one mat whose clocks are wrong in the same way.

    `by` says what showed it: other devices at the mat, or the athletes' paces. `sure` is false where two devices differ
    and nothing says which is wrong, `against` names the other then, and where the paces tell too roughly by how much.
    """

    devices: tuple[int, ...]
    mat: str
    phases: tuple[Phase, ...]
    by: str
    error_s: float
    athletes: int
    against: tuple[int, ...]
    sure: bool


class Clocks(NamedTuple):
    """What is known of all clocks.

    `ahead_us`: how far each device is ahead as of now, where that is known; `shifts`: the phases of those that are
    wrong. `athletes`: everybody's crossings by race, with the clocks put right. `undecided`: mats where devices differ
    and nothing says which is wrong.
    """

    faults: list[ClockFault]
    ahead_us: dict[int, int]
    shifts: dict[int, tuple[Phase, ...]]
    athletes: dict[str, list[Crossings]]
    undecided: frozenset[str]


def read_clocks(
    observed: Observed, courses: Mapping[str, Course], rows: Mapping[str, AthleteRow], gap_us: int
) -> Clocks:
    """Compare clocks at each mat, then mats with each other; the crossings by race are by clocks put right."""
    judge = _Judge(observed, courses, rows, gap_us)
    judge.compare_devices()
    judge.compare_mats()
    return Clocks(judge.faults, judge.ahead_us, judge.shifts, judge.crossings(), frozenset(judge.undecided))


def shifted(passings: Sequence[DevicePassing], shifts: Mapping[int, Sequence[Phase]]) -> list[DevicePassing]:
    """Return an athlete's passings with the clocks put right, in time order."""
    if not shifts:
        return list(passings)
    corrected = []
    for passing in passings:
        phases = shifts.get(passing.device)
        if phases:
            ahead_us = _phase_at(phases, passing.first_us).ahead_us
            passing = DevicePassing(
                passing.first_us - ahead_us, passing.last_us - ahead_us, passing.device, passing.mat
            )
        corrected.append(passing)
    return sorted(corrected)


def _phase_at(phases: Sequence[Phase], at_us: int) -> Phase:
    current = phases[0]
    for phase in phases[1:]:
        if phase.from_us is not None and at_us >= phase.from_us:
            current = phase
    return current


def corrections(event: str, device: ObservedDevice, fault: ClockFault) -> Iterator[dict[str, Any]]:
    """Yield the facts that put a device right, by its own clock; what was corrected already is taken in."""
    for nth, phase in enumerate(fault.phases):
        if abs(phase.ahead_us) < OFF_MIN_US:
            continue
        until_us = fault.phases[nth + 1].from_us if nth + 1 < len(fault.phases) else None
        fact: dict[str, Any] = {
            "type": "clock_corrected",
            "event": event,
            "device": device.device,
            "offset_us": device.correction_us - _round_offset(phase.ahead_us),
        }
        if phase.from_us is not None:
            fact["from_us"] = phase.from_us - device.correction_us
        if until_us is not None:
            fact["until_us"] = until_us - device.correction_us
        yield fact


def _round_offset(ahead_us: int) -> int:
    """Return an offset to the tenth of a second, or as whole half hours where it may well be that."""
    near_us = round(ahead_us / ROUND_US) * ROUND_US
    if near_us and abs(ahead_us - near_us) <= ROUND_NEAR_US:
        return near_us
    return round(ahead_us / TENTH_US) * TENTH_US


class _Judge:
    def __init__(
        self, observed: Observed, courses: Mapping[str, Course], rows: Mapping[str, AthleteRow], gap_us: int
    ) -> None:
        self._observed = observed
        self._courses = courses
        self._rows = rows
        self._gap_us = gap_us
        self._times = times_by_mat(observed)
        self._crossings: dict[str, list[Crossings]] | None = None
        self.faults: list[ClockFault] = []
        self.ahead_us: dict[int, int] = {}
        self.shifts: dict[int, tuple[Phase, ...]] = {}
        self.undecided: set[str] = set()

    # --- Devices of one mat.

    def compare_devices(self) -> None:
        """Find the devices that differ from most others at their mat, and put them right."""
        undecided = []
        for mat, times in sorted(self._times.items()):
            mat_clocks = compare_mat(self._observed, times)
            for device in mat_clocks.agreeing if len(mat_clocks.agreeing) > 1 else ():
                self.ahead_us[device] = 0
            for device, phases in mat_clocks.differing.items():
                if mat_clocks.decided:
                    self._blame(mat, device, phases, mat_clocks.agreeing)
                else:
                    undecided.append((mat, device, phases, mat_clocks.agreeing))
        for mat, device, phases, agreeing in undecided:
            self._decide(mat, device, phases, agreeing)

    def _blame(self, mat: str, device: int, phases: list[Phase], against: list[int]) -> None:
        self.shifts[device] = tuple(phases)
        self.ahead_us[device] = phases[-1].ahead_us
        self._crossings = None
        if any(abs(phase.ahead_us) >= OFF_MIN_US for phase in phases):
            athletes = sum(phase.passings for phase in phases)
            self.faults.append(
                ClockFault((device,), mat, tuple(phases), "devices", 1.0, athletes, tuple(against), True)
            )

    def _decide(self, mat: str, device: int, phases: list[Phase], agreeing: list[int]) -> None:
        """Let the athletes' paces say which of two devices, or two equal groups, is right."""
        since_us = phases[-1].from_us
        doubts = []
        for group in (agreeing, [device]):
            estimate = self._estimate_alone(mat, group, since_us)
            doubts.append(None if estimate is None else estimate.significance**2)
        agreeing_doubt, device_doubt = doubts
        if agreeing_doubt is not None and device_doubt is not None and device_doubt - agreeing_doubt >= FAVOURED:
            self._blame(mat, device, phases, agreeing)
        elif agreeing_doubt is not None and device_doubt is not None and agreeing_doubt - device_doubt >= FAVOURED:
            turned = self._turned(mat, device, agreeing[0])
            for wrong in agreeing:
                self._blame(mat, wrong, turned, [device])
        elif any(abs(phase.ahead_us) >= OFF_MIN_US for phase in phases):
            self.undecided.add(mat)
            athletes = sum(phase.passings for phase in phases)
            self.faults.append(
                ClockFault((device,), mat, tuple(phases), "devices", 1.0, athletes, tuple(agreeing), False)
            )

    def _turned(self, mat: str, device: int, anchor: int) -> list[Phase]:
        """Return the phases of the anchor as the device sees it."""
        times = self._times[mat]
        return compare(times[anchor], times[device], in_order(times[device]))

    def _estimate_alone(self, mat: str, group: list[int], since_us: int | None) -> Estimate | None:
        """Return what paces say of a mat if only these devices had been there."""

        def keeps(passing: DevicePassing) -> bool:
            if passing.mat != mat:
                return True
            return passing.device in group and (since_us is None or passing.first_us >= since_us)

        races = []
        for race, course in self._courses.items():
            athletes = [
                self._cross(self._rows[bib], [passing for passing in shifted(passings, self.shifts) if keeps(passing)])
                for bib, passings in self._observed.passings.items()
                if bib in self._rows and self._rows[bib].race == race
            ]
            races.append(_field(course, athletes))
        return estimate_mat(mat, races, frozenset(self._times) - {mat})[0]

    # --- Mats.

    def crossings(self) -> dict[str, list[Crossings]]:
        """Return the crossings of all athletes by race, with the clocks put right so far."""
        if self._crossings is None:
            by_race: dict[str, list[Crossings]] = {race: [] for race in self._courses}
            for bib, passings in self._observed.passings.items():
                row = self._rows.get(bib)
                if row is not None:
                    by_race[row.race].append(self._cross(row, shifted(passings, self.shifts)))
            self._crossings = by_race
        return self._crossings

    def _cross(self, row: AthleteRow, passings: Sequence[DevicePassing]) -> Crossings:
        course = self._courses[row.race]
        taken = {course.index[point.point]: point.at_us for point in row.points if point.source != "official"}
        return find_crossings(row.bib, course, passings, self._gap_us, taken)

    def _races(self) -> list[Field]:
        return [_field(self._courses[race], athletes) for race, athletes in self.crossings().items()]

    def compare_mats(self) -> None:
        """Find the mats that the athletes' paces contradict, the clearest first, without those found before."""
        trusted = frozenset(mat for mat in self._times if mat not in self.undecided)
        while True:
            races = self._races()
            estimates = {mat: estimate_mat(mat, races, trusted) for mat in sorted(trusted)}
            clear = {mat for mat, (estimate, step) in estimates.items() if _is_clear(estimate) or step is not None}
            if not clear:
                break
            mat = self._culprit(sorted(clear), races, trusted)
            estimate, step = estimates[mat]
            assert estimate is not None
            self._blame_mat(mat, estimate, step)
            trusted -= {mat}
        for mat in sorted(trusted):
            estimate, _ = estimates[mat]
            if estimate is not None and estimate.error_s <= SURE_S:
                for device in self._times[mat]:
                    self.ahead_us.setdefault(device, round(estimate.ahead_s * US))

    def _culprit(self, suspects: list[str], races: list[Field], trusted: frozenset[str]) -> str:
        """Return the mat without which least is left to explain: a wrong clock makes its neighbours look wrong too."""
        if len(suspects) == 1:
            return suspects[0]
        left = {}
        for suspect in suspects:
            rest = trusted - {suspect}
            estimates = [estimate_mat(mat, races, rest)[0] for mat in sorted(rest)]
            left[suspect] = sum(
                estimate.significance**2 for estimate in estimates if estimate is not None and _is_clear(estimate)
            )
        return min(suspects, key=lambda suspect: (left[suspect], suspect))

    def _blame_mat(self, mat: str, estimate: Estimate, step: Step | None) -> None:
        """Blame all devices of a mat, those that were put right by others there by as much more."""
        if step is None:
            phases: tuple[Phase, ...] = (
                Phase(None, _rounded_us(estimate.ahead_s, estimate.error_s), estimate.athletes),
            )
            error_s = estimate.error_s
        else:
            begin_us = _rounded_us(estimate.ahead_s, estimate.error_s) if _is_clear(estimate) else 0
            change_us = begin_us + _rounded_us(step.change_s, step.error_s)
            phases = (Phase(None, begin_us, estimate.athletes), Phase(step.at_us, change_us, estimate.athletes))
            error_s = step.error_s
        devices = tuple(sorted(self._times[mat]))
        for device in devices:
            earlier = self.shifts.get(device)
            self.shifts[device] = phases if earlier is None else _sum(earlier, phases)
            self.ahead_us[device] = self.shifts[device][-1].ahead_us
        self._crossings = None
        sure = error_s <= ROUGH_S or all(phase.ahead_us % ROUND_US == 0 for phase in phases)
        self.faults.append(ClockFault(devices, mat, phases, "paces", error_s, estimate.athletes, (), sure))


def _sum(first: Sequence[Phase], second: Sequence[Phase]) -> tuple[Phase, ...]:
    """Return what two reasons for being wrong come to."""
    begins = sorted({phase.from_us for phase in (*first, *second) if phase.from_us is not None})
    summed = [Phase(None, first[0].ahead_us + second[0].ahead_us, first[0].passings)]
    for from_us in begins:
        ahead_us = _phase_at(first, from_us).ahead_us + _phase_at(second, from_us).ahead_us
        summed.append(Phase(from_us, ahead_us, first[-1].passings))
    return tuple(summed)


def _rounded_us(ahead_s: float, error_s: float) -> int:
    """Return an offset as whole half hours where it may well be that, else to the second."""
    near_us = round(ahead_s * US / ROUND_US) * ROUND_US
    if near_us and abs(ahead_s * US - near_us) <= max(3 * error_s, 5) * US:
        return near_us
    return round(ahead_s) * US


def _field(course: Course, athletes: list[Crossings]) -> Field:
    """Return a race's athletes; a few stray reads do not tell how far the latest has come."""
    crossings = [athlete.at_us for athlete in athletes]
    latest = sorted(max((at_us for at_us in instants if at_us is not None), default=0) for instants in crossings)
    return Field(course, crossings, latest[-min(STRAYS + 1, len(latest))] if latest else 0)


def _is_clear(estimate: Estimate | None) -> bool:
    return estimate is not None and abs(estimate.ahead_s) >= OFF_MIN_S and estimate.significance >= SIGNIFICANT
