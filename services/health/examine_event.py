"""The health document of an event, from its rows and from what its devices read.

    health(state.event_row(), definition, rows, observe(state))

Faults are looked for in the order in which they explain each other: clocks, guns by clocks put right, then mats and
devices by both, and chips last.

This file is long because one class holds all steps: each needs what those before it found.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.definition import Definition
from schemas.ids import US
from schemas.results import AthleteRow, EventRow
from services.health.clocks import OFF_MIN_US, ClockFault, Clocks, corrections, read_clocks
from services.health.counts import OpenCases, count_points, waived_points
from services.health.crossings import Crossings, Instants, believable
from services.health.guns import GunFault, GunKey, find_gun_faults
from services.health.health_document import DeviceHealth, Finding, Health
from services.health.mats import (
    DUE_MIN,
    LATE_FACTOR,
    LATE_MANY,
    LATE_ORDINARY,
    MAIN_MISS_ORDINARY,
    MISS_MANY,
    MISS_ORDINARY,
    QUIET_US,
    Passed,
    Seen,
    SilentDevice,
    Stretch,
    due_since,
    on_the_way,
    passed_mat,
    silent_devices,
    worst_stretch,
)
from services.health.observed import Observed
from services.health.start_signals import signal_findings
from services.health.staying_chips import staying_finding
from services.health.unknown_chips import chips_finding, list_chips
from services.scoring.core.chips_of_nobody import CHIPS_LISTED_MAX
from services.scoring.core.course import START, Course

OVER = ("DNF", "DNS", "DQ", "OTL")
STRAY_ATHLETES = 20  # of so many athletes, a few read in the future do not tell the time
STRAYS = 2


def health(
    event: EventRow, definition: Definition, rows: Iterable[AthleteRow], observed: Observed, now_us: int | None = None
) -> Health:
    """Return the health of an event; `now_us` is by default the instant of the latest passing."""
    return _Examination(event, definition, rows, observed, now_us).health()


class _Examination:
    def __init__(
        self,
        event: EventRow,
        definition: Definition,
        rows: Iterable[AthleteRow],
        observed: Observed,
        now_us: int | None,
    ) -> None:
        self._event = event
        self._definition = definition
        self._observed = observed
        self._courses = {race.id: Course(definition, race) for race in definition.races}
        self._rows = [row for row in rows if not row.gone and row.race in self._courses]
        self._by_bib = {row.bib: row for row in self._rows}
        self._clocks: Clocks = read_clocks(observed, self._courses, self._by_bib, round(definition.passing_gap_s * US))
        self._believable: dict[str, list[Instants]] = {}
        self._passed_by_race: list[Passed] = []
        self._running_in: dict[str, list[tuple[Instants, int | None]]] = {}
        self._now_us = self._latest_us() if now_us is None else now_us
        self._gun_of: dict[GunKey, int] = {(gun.race, gun.wave): gun.at_us for gun in event.guns}
        self._finding_cases = OpenCases(self._courses, self._rows)
        self._waived = {
            (row.bib, point) for row in self._rows for point in waived_points(self._courses[row.race].race, row)
        }

    def _latest_us(self) -> int:
        """Return the time of day by the passings, with the clocks put right."""
        skipped = self._clocks.undecided
        latest = sorted(
            max(
                (at_us for at_us, mat in zip(athlete.at_us, course_mats, strict=True) if at_us and mat not in skipped),
                default=0,
            )
            for race, athletes in self._clocks.athletes.items()
            for course_mats in [[point.mat for point in self._courses[race].points]]
            for athlete in athletes
        )
        if not latest:
            return 0
        return latest[-1 - STRAYS] if len(latest) >= STRAY_ATHLETES else latest[-1]

    def health(self) -> Health:
        """Return the document."""
        entries = [row.entry for row in self._rows if row.entry is not None]
        chips = list_chips(self._observed, entries)
        unknown = chips_finding(self._definition.event, self._observed, chips, entries, self._event.definition)
        findings = [self._clock_finding(fault) for fault in self._clocks.faults]
        findings += self._gun_findings()
        findings += signal_findings(self._event, self._definition, self._rows)
        self._believe()
        for mat in self._definition.mats:
            findings += self._mat_findings(mat.id)
            laps = max((len(course.at_mat.get(mat.id, ())) for course in self._courses.values()), default=0)
            staying = staying_finding(self._observed, mat.id, laps)
            findings += [] if staying is None else [staying]
        if unknown is not None:
            findings.append(unknown)
        return Health(
            event=self._definition.event,
            points=list(count_points(self._definition.races, self._rows).points()),
            devices=self._devices(),
            chips=chips,
            chips_left_out=max(len(self._observed.chips) - CHIPS_LISTED_MAX, 0),
            findings=findings,
        )

    def _devices(self) -> list[DeviceHealth]:
        order = {mat.id: nth for nth, mat in enumerate(self._definition.mats)}
        made = [
            DeviceHealth(
                device=seen.device,
                mat=seen.mat,
                reads=seen.reads,
                athletes=seen.athletes,
                first_us=seen.first_us,
                last_us=seen.last_us,
                offset_us=self._clocks.ahead_us.get(number),
            )
            for number, seen in enumerate(self._observed.devices)
        ]
        return sorted(made, key=lambda device: (order.get(device.mat or "", len(order)), device.device))

    # --- Clocks.

    def _clock_finding(self, fault: ClockFault) -> Finding:
        devices = self._observed.devices
        names = [devices[number].device for number in fault.devices]
        wrong = [phase for phase in fault.phases if abs(phase.ahead_us) >= OFF_MIN_US]
        begin_us = wrong[0].from_us
        if begin_us is None:
            begin_us = min(first_us for n in fault.devices if (first_us := devices[n].first_us) is not None)
        evidence = {
            "ahead_us": wrong[-1].ahead_us,
            "error_us": round(fault.error_s * US),
            "athletes": fault.athletes,
            "by": fault.by,
            "against": [devices[number].device for number in fault.against],
            "jumped": len(fault.phases) > 1,
            "sure": fault.sure,
            "cases": self._finding_cases.explained(self._points_at(fault.mat), None),
        }
        return Finding(
            kind="clock_off",
            subject=_devices_subject(names, fault.mat),
            since_us=begin_us,
            evidence=evidence,
            proposal=[fact for n in fault.devices for fact in corrections(self._definition.event, devices[n], fault)]
            if fault.sure
            else None,
        )

    # --- Guns.

    def _gun_findings(self) -> list[Finding]:
        """Return the findings on guns, and take the likely ones for all that follows."""
        at_gun: dict[GunKey, list[Crossings]] = {}
        for race, athletes in self._clocks.athletes.items():
            if self._courses[race].points[START].mat in self._clocks.undecided:
                continue
            for athlete in athletes:
                key = self._gun_key(self._by_bib[athlete.bib])
                if key is not None:
                    at_gun.setdefault(key, []).append(athlete)
        findings = []
        for race, course in self._courses.items():
            zone = ZoneInfo(self._definition.timezone)
            offset = datetime.fromisoformat(course.race.start).replace(tzinfo=zone).utcoffset()
            zone_us = 0 if offset is None else -round(offset.total_seconds()) * US
            guns = {key: at_us for key, at_us in self._gun_of.items() if key[0] == race}
            for fault in find_gun_faults(guns, at_gun, zone_us, course.window_us, self._now_us):
                findings.append(self._gun_finding(fault))
                self._gun_of[fault.race, fault.wave] = fault.likely_us
        return findings

    def _gun_key(self, row: AthleteRow) -> GunKey | None:
        wave = None if row.entry is None else row.entry.wave
        for key in ((row.race, wave), (row.race, None)):
            if key in self._gun_of:
                return key
        return None

    def _gun_finding(self, fault: GunFault) -> Finding:
        subject: dict[str, Any] = {"race": fault.race}
        fact = {"type": "gun_fired", "event": self._definition.event, "race": fault.race, "at_us": fault.likely_us}
        if fault.wave is not None:
            subject["wave"] = fact["wave"] = fault.wave
        return Finding(
            kind="gun_suspect",
            subject=subject,
            since_us=fault.typed_us,
            evidence={
                "gun_us": fault.typed_us,
                "likely_us": fault.likely_us,
                "how": fault.how,
                "side": fault.side,
                "athletes": fault.athletes,
                "before": fault.before,
                "first_us": fault.first_us,
                "cases": [],
            },
            proposal=[fact],
        )

    def _own_gun_us(self, bib: str) -> int | None:
        key = self._gun_key(self._by_bib[bib])
        return None if key is None else self._gun_of[key]

    # --- Mats.

    def _believe(self) -> None:
        """Sort out stray reads, by the guns as they are likely."""
        for race, athletes in self._clocks.athletes.items():
            course = self._courses[race]
            believed = [believable(course, athlete.at_us, self._own_gun_us(athlete.bib)) for athlete in athletes]
            self._believable[race] = believed
            crossed = [
                (athlete.bib, athlete.at_us, instants, athlete.mats)
                for athlete, instants in zip(athletes, believed, strict=True)
            ]
            self._passed_by_race.append((race, course, crossed))

    def _mat_findings(self, mat: str) -> Iterator[Finding]:
        """Yield the findings of one mat: its devices that are silent beside others, then what it misses as a whole."""
        points = self._points_at(mat)
        if not points:
            return
        crossings = self._crossings_at(mat)
        silent = self._silent_devices(mat, crossings)
        if silent:
            yield self._silent_finding(mat, silent)
        passed = [
            athlete
            for athlete in passed_mat(mat, self._passed_by_race)
            if athlete.seen or (athlete.bib, athlete.point) not in self._waived
        ]
        finish_only = all(point == self._courses[race].finish for race, point in points)
        stretch = worst_stretch(passed, MISS_ORDINARY, MISS_MANY)
        quiet = self._quiet(mat, crossings)
        if stretch is not None:
            yield self._missing_finding(mat, passed, stretch, quiet)
        elif quiet is not None:
            yield self._quiet_finding(mat, quiet, finish_only)
        else:
            late = self._late_at_finish(mat)
            overdue = worst_stretch(late, LATE_ORDINARY, LATE_MANY)
            if overdue is not None:
                yield self._finish_finding(mat, late, overdue)
            elif (main := self._missed_by_main(mat, crossings, silent)) is not None:
                yield self._main_finding(mat, *main)

    def _points_at(self, mat: str) -> set[tuple[str, int]]:
        return {(race, point) for race, course in self._courses.items() for point in course.at_mat.get(mat, ())}

    def _crossings_at(self, mat: str) -> list[tuple[int, int]]:
        """Return all crossings of a mat by time, with the devices that saw them; of START not those before the gun."""
        crossings = []
        for race, athletes in self._clocks.athletes.items():
            for point in self._courses[race].at_mat.get(mat, ()):
                for athlete in athletes:
                    at_us = athlete.at_us[point]
                    if at_us is None:
                        continue
                    if point == START and all(other is None for other in athlete.at_us[1:]):
                        gun_us = self._own_gun_us(athlete.bib)
                        if gun_us is None or at_us < gun_us:
                            continue
                    crossings.append((at_us, athlete.devices[point]))
        crossings.sort()
        return crossings

    def _silent_devices(self, mat: str, crossings: Sequence[tuple[int, int]]) -> list[SilentDevice]:
        devices = [nth for nth, seen in enumerate(self._observed.devices) if seen.mat == mat]
        never = {nth for nth in devices if not self._observed.devices[nth].reads}
        return silent_devices(devices, crossings, never)

    def _silent_finding(self, mat: str, silent: list[SilentDevice]) -> Finding:
        names = [self._observed.devices[silent_device.device].device for silent_device in silent]
        known = [silent_device.since_us for silent_device in silent if silent_device.since_us is not None]
        return Finding(
            kind="device_silent",
            subject=_devices_subject(names, mat),
            since_us=min(known) if known else None,
            evidence={
                "missed": max(silent_device.missed for silent_device in silent),
                "read_before": sum(silent_device.read_before for silent_device in silent),
                "others_read": True,
                "cases": [],
            },
        )

    def _quiet(self, mat: str, crossings: Sequence[tuple[int, int]]) -> tuple[int | None, float] | None:
        """Return since when nobody came to a mat though many should have, and how many; None where that is in order."""
        last_us = crossings[-1][0] if crossings else None
        if last_us is not None and self._now_us - last_us < QUIET_US:
            return None
        due = 0.0
        for race, course in self._courses.items():
            if mat not in course.at_mat:
                continue
            for point in course.at_mat.get(mat, ()):
                if point == START:
                    continue
                silent_from_us = max(last_us or 0, 0)
                paced, started = on_the_way(course, point, self._running(race), silent_from_us, self._now_us)
                due += due_since(paced, False) + due_since(started, True)
        return (last_us, due) if due >= DUE_MIN else None

    def _running(self, race: str) -> list[tuple[Instants, int | None]]:
        """Return the crossings and own guns of those whose race is not over."""
        running = self._running_in.get(race)
        if running is None:
            running = self._running_in[race] = [
                (believed, self._own_gun_us(athlete.bib))
                for athlete, believed in zip(self._clocks.athletes[race], self._believable[race], strict=True)
                if not self._is_over(athlete.bib)
            ]
        return running

    def _is_over(self, bib: str) -> bool:
        row = self._by_bib[bib]
        return row.status in OVER or row.cut_at is not None or row.race in self._event.closed

    def _quiet_finding(self, mat: str, quiet: tuple[int | None, float], finish: bool) -> Finding:
        names = [seen.device for seen in self._observed.devices if seen.mat == mat]
        since_us, due = quiet
        subject = {"mat": mat, "points": self._named_points(self._points_at(mat)), "devices": names}
        return Finding(
            kind="finish_missing" if finish else "device_silent",
            subject=subject if finish else _devices_subject(names, mat),
            since_us=since_us,
            evidence={"due": round(due), "last_us": since_us, "others_read": False, "cases": []},
        )

    def _late_at_finish(self, mat: str) -> list[Seen]:
        """Return finishers and those who are long overdue at FINISH, by when they should have come."""
        late = []
        for race, athletes in self._clocks.athletes.items():
            course = self._courses[race]
            finish = course.finish
            if course.points[finish].mat != mat:
                continue
            over = ("DQ", "OTL") if race in self._event.closed else OVER
            for athlete, believed in zip(athletes, self._believable[race], strict=True):
                before = next((index for index in range(finish - 1, START, -1) if believed[index] is not None), None)
                start_us = believed[START]
                at_us = believed[finish]
                if before is None or start_us is None:
                    continue
                row = self._by_bib[athlete.bib]
                if at_us is None and (row.status in over or row.cut_at is not None):
                    continue
                from_us = believed[before]
                assert from_us is not None
                km = [course.points[index].km for index in (START, before, finish)]
                takes_us = round((from_us - start_us) / (km[1] - km[0]) * (km[2] - km[1]))
                if at_us is not None or self._now_us - from_us > LATE_FACTOR * takes_us:
                    late.append(Seen(from_us + takes_us, at_us is not None, race, finish, athlete.bib))
        return sorted(late)

    def _finish_finding(self, mat: str, late: list[Seen], overdue: Stretch) -> Finding:
        return Finding(
            kind="finish_missing",
            subject={
                "mat": mat,
                "points": self._named_points({(athlete.race, athlete.point) for athlete in overdue.missed}),
            },
            since_us=overdue.from_us,
            evidence={
                "passed": len(late),
                "read": sum(athlete.seen for athlete in late),
                "stretch_passed": overdue.passed,
                "stretch_missed": len(overdue.missed),
                "until_us": overdue.until_us,
                "cases": [],
            },
        )

    def _missed_by_main(
        self, mat: str, crossings: Sequence[tuple[int, int]], silent: list[SilentDevice]
    ) -> tuple[list[Seen], Stretch] | None:
        """Return where a mat's main devices missed many whom its backup read; None where they did not."""
        devices = self._observed.devices
        main = {nth for nth, seen in enumerate(devices) if seen.mat == mat and not seen.backup}
        if main <= {silent_device.device for silent_device in silent} or not any(
            seen.mat == mat and seen.backup for seen in devices
        ):
            return None
        bits = sum(1 << nth for nth in main)
        passed = [Seen(at_us, bool(seen & bits), "", 0, "") for at_us, seen in crossings]
        stretch = worst_stretch(passed, MAIN_MISS_ORDINARY, MISS_MANY)
        return None if stretch is None else (passed, stretch)

    def _main_finding(self, mat: str, passed: list[Seen], stretch: Stretch) -> Finding:
        return Finding(
            kind="point_missing",
            subject={"mat": mat, "points": self._named_points(self._points_at(mat))},
            since_us=stretch.from_us,
            evidence={**_counts(passed, stretch), "read_by_backup": len(stretch.missed), "cases": []},
        )

    def _missing_finding(
        self, mat: str, passed: list[Seen], stretch: Stretch, quiet: tuple[int | None, float] | None
    ) -> Finding:
        missed = {(athlete.race, athlete.point) for athlete in stretch.missed}
        bibs = {athlete.bib for athlete in stretch.missed}
        evidence = {
            **_counts(passed, stretch),
            "read_by_backup": 0,
            "due": 0 if quiet is None else round(quiet[1]),
            "cases": self._finding_cases.explained(self._points_at(mat), bibs),
        }
        facts = [fact for race, point in sorted(missed) for fact in self._waiver(race, point, stretch)]
        return Finding(
            kind="point_missing",
            subject={"mat": mat, "points": self._named_points(missed)},
            since_us=stretch.from_us,
            evidence=evidence,
            proposal=facts or None,
        )

    def _waiver(self, race: str, point: int, stretch: Stretch) -> Iterator[dict[str, Any]]:
        """Yield the waiver of a point that matters; without an end while the mat still misses."""
        course = self._courses[race]
        if point in (START, course.finish) or not course.points[point].mandatory or course.race.missing_mat == "ignore":
            return
        fact = {
            "type": "point_waived",
            "event": self._definition.event,
            "race": race,
            "point": course.points[point].id,
            "from_us": stretch.from_us // US * US,
            "until_us": (stretch.until_us // US + 1) * US,
            "reason": f"the mat {course.points[point].mat} missed {len(stretch.missed)} of {stretch.passed} athletes",
        }
        if stretch.lasts and race not in self._event.closed:
            del fact["until_us"]
        yield fact

    def _named_points(self, points: Iterable[tuple[str, int]]) -> list[dict[str, str]]:
        order = list(self._courses)
        return [
            {"race": race, "point": self._courses[race].points[point].id}
            for race, point in sorted(points, key=lambda race_point: (order.index(race_point[0]), race_point[1]))
        ]


def _counts(passed: list[Seen], stretch: Stretch) -> dict[str, Any]:
    return {
        "passed": len(passed),
        "read": sum(athlete.seen for athlete in passed),
        "stretch_passed": stretch.passed,
        "stretch_missed": len(stretch.missed),
        "until_us": None if stretch.lasts else stretch.until_us,
    }


def _devices_subject(names: list[str], mat: str) -> dict[str, Any]:
    return {"device": names[0], "mat": mat} if len(names) == 1 else {"devices": names, "mat": mat}
