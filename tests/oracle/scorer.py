"""A second scorer, slow and plain, written from docs/rules.md alone, to be held against the core.

It knows nothing of the services: facts come as plain JSON objects, the whole log at once, and every question is
answered by looking through all of it. Assignments of passings to points are all tried (R3.3). Nothing
here is clever, so that each line can be read beside the rule that it stands for. Lists whose order
the rules leave open (`cases`, `flags`) are sorted.
"""

from collections import defaultdict
from datetime import datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from zoneinfo import ZoneInfo

US = 1_000_000

REASONS = [
    "repeat",
    "unknown_device",
    "unknown_chip",
    "excluded",
    "before_gun",
    "backup_duplicate",
    "overridden",
    "outside_start_window",
    "too_early",
    "too_fast",
    "not_on_course",
    "superseded",
]


def document(lines):
    """The standings document of R5 (without `revision`) of a log: facts as plain objects, in log order."""
    facts = effective(lines)
    log = Log(facts)
    if log.definition is None:
        return {
            "athletes": [],
            "boards": {},
            "team_boards": {},
            "delegations": {},
            "cases": [],
            "unused_reads": counted(log.unused),
        }
    athletes = examined(log)
    boards = {board["id"]: ranked(log, athletes, board) for board in log.definition.get("boards", [])}
    teams = {board["id"]: team_rows(log, athletes, boards, board) for board in log.definition.get("team_boards", [])}
    delegations = {
        delegation["id"]: delegation_rows(teams, delegation) for delegation in log.definition.get("delegations", [])
    }
    cases = [case for row in athletes.values() for case in row["cases"]]
    for board in log.definition.get("team_boards", []):
        cases += team_cases(log, board)
    cases += together_cases(log, athletes)
    unused = list(log.unused)
    for athlete in athletes.values():
        unused += [reason for kind, reason in athlete["fates"].values() if kind == "reason"]
    shown = ["bib", "race", "status", "gun_us", "chip_us", "time_s", "penalty_us"]
    shown += ["cut_at", "missed", "flags", "points"]
    return {
        "athletes": [{key: row[key] for key in shown if key in row} for row in athletes.values()],
        "boards": {
            name: [{key: row[key] for key in ("place", "bib", "time_s", "gun_us", "chip_us")} for row in rows]
            for name, rows in boards.items()
        },
        "team_boards": teams,
        "delegations": delegations,
        "cases": sorted(cases, key=lambda case: case["case"]),
        "unused_reads": counted(unused),
    }


def examined(log):
    """Everything found of each athlete, by bib in the order of the document.

    Beside the fields of the document: `fates` of the athlete's reads, what the status rests on, and the choice of
    passings for points.
    """
    athletes = {}
    for race in [] if log.definition is None else log.definition["races"]:
        bibs = [bib for bib, entry in log.entries.items() if entry["race"] == race["id"]]
        for bib in sorted(bibs, key=bib_order):
            athletes[bib] = athlete(log, race, bib)
    return athletes


def counted(reasons):
    """The number of each reason that occurs."""
    return {reason: reasons.count(reason) for reason in REASONS if reason in reasons}


def bib_order(bib):
    """Shorter first, then by text."""
    return (len(bib), bib)


def printed(time_us):
    """Whole seconds, rounded up."""
    return -((-time_us) // US)


# --- R1: which facts count.


def effective(lines):
    """The facts that count: no second of an id, and none that a standing withdrawal names."""
    used = set()
    first = []
    for fact in lines:
        if fact.get("id") is not None:
            if fact["id"] in used:
                continue
            used.add(fact["id"])
        if fact.get("part_of") is not None:  # an upload's id is in use from its first part on
            used.add(fact["part_of"])
        first.append(fact)

    def stands(fact, asked):
        if fact["type"] == "reads_received":
            return True
        names = [name for name in (fact.get("id"), fact.get("part_of")) if name is not None]
        against = [w for w in first if w["type"] == "fact_withdrawn" and w["fact"] in names]
        # withdrawals in a ring withdraw only each other, so it does not matter which of them stand
        return not any(stands(w, [*asked, w]) for w in against if w not in asked)

    return [fact for fact in first if stands(fact, [fact])]


class Log:
    """The effective facts, by subject."""

    def __init__(self, facts):
        self.facts = facts
        defined = self.of("event_defined")
        self.definition = defined[-1]["definition"] if defined else None
        self.races = {} if self.definition is None else {race["id"]: race for race in self.definition["races"]}
        self.window_us = {name: start_window_s(self.definition, race) * US for name, race in self.races.items()}
        self.mats = {} if self.definition is None else {mat["id"]: mat for mat in self.definition["mats"]}
        self.entries = {}  # by bib, in order of first entry
        self.entered = {}  # bib -> when its entry was written last
        position = 0
        for fact in self.facts:
            if fact["type"] == "entry_withdrawn":  # as if none had been added before
                self.entries.pop(label(fact["bib"]), None)
            for entry in fact["entries"] if fact["type"] == "entries_added" else []:
                if entry["race"] in self.races:  # else pending
                    position += 1
                    bib = label(entry["bib"])
                    self.entries[bib] = {**entry, "bib": bib, "chips": [label(chip) for chip in entry["chips"]]}
                    self.entered[bib] = position
        self.unused = []  # reasons of reads that belong to no athlete
        self.instants, self.places, self.wearers = {}, {}, {}  # of each read, by device, chip and the device's time
        self.reads = defaultdict(list)  # by bib
        self.sort_reads()

    def of(self, kind):
        return [fact for fact in self.facts if fact["type"] == kind]

    def last(self, kind, **fields):
        """The latest fact of a kind on a subject, or None."""
        latest = None
        for fact in self.of(kind):
            if all(fact.get(key) == value for key, value in fields.items()):
                latest = fact
        return latest

    # Guns

    def guns(self, race):
        """Wave (None: without a wave) -> instant."""
        by_key = {}
        for fact in self.of("gun_fired"):
            if fact["race"] == race["id"]:
                by_key[fact.get("wave")] = fact["at_us"]
        return by_key

    def own_gun(self, bib):
        entry = self.entries[bib]
        guns = self.guns(self.races[entry["race"]])
        wave = entry.get("wave")
        if wave is not None and wave in guns:
            return guns[wave]
        return guns.get(None)

    # Reads, R3.1

    def sort_reads(self):
        strongest = {}
        for fact in self.of("reads_received"):
            for read in fact["reads"]:
                key = (read["device"], label(read["chip"]), read["at_us"])
                if key in strongest:
                    self.unused.append("repeat")
                    strongest[key] = max(strongest[key], strength(read.get("rssi")))
                else:
                    strongest[key] = strength(read.get("rssi"))
        excluded = {(fact["device"], label(fact["chip"]), fact["at_us"]) for fact in self.of("read_excluded")}
        for (device, chip, at_us), rssi in strongest.items():
            instant = at_us + self.correction(device, at_us)
            mat, source = self.mat_of(device, instant)
            bib = self.bib_of(chip, instant)
            key = (device, chip, at_us)
            self.instants[key], self.places[key], self.wearers[key] = instant, (mat, source), bib
            if mat is None:
                self.unused.append("unknown_device")
            elif bib is None:
                self.unused.append("unknown_chip")
            else:
                read = {"key": key, "at_us": instant, "mat": mat, "source": source, "strength": rssi}
                self.reads[bib].append({**read, "excluded": key in excluded})

    def correction(self, device, at_us):
        offset_us = 0
        for fact in self.of("clock_corrected"):
            if fact["device"] == device and covers(fact, at_us):
                offset_us = fact["offset_us"]
        return offset_us

    def mat_of(self, device, instant):
        for fact in reversed(self.of("device_assigned")):
            if fact["device"] == device and fact["mat"] in self.mats and covers(fact, instant):
                backup = device in self.mats[fact["mat"]].get("backup_devices", [])
                return fact["mat"], "backup" if backup else "main"
        for mat in self.mats.values():
            if device in mat["devices"]:
                return mat["id"], "main"
            if device in mat.get("backup_devices", []):
                return mat["id"], "backup"
        return None, None

    def bib_of(self, chip, instant):
        for fact in reversed(self.of("chip_assigned")):
            if (
                self.bare(label(fact["chip"])) == self.bare(chip)
                and label(fact["bib"]) in self.entries
                and covers(fact, instant)
            ):
                return label(fact["bib"])
        owners = [
            bib
            for bib, entry in self.entries.items()
            if any(self.bare(own) == self.bare(chip) for own in entry["chips"])
        ]
        return max(owners, key=lambda bib: self.entered[bib], default=None)

    def bare(self, chip):
        """What counts of a chip's code, R2.12."""
        rule = (self.definition or {}).get("chips", {})
        if len(chip) == rule.get("hex_digits") and all(letter in "0123456789ABCDEF" for letter in chip):
            number = 0
            for letter in chip:
                number = 16 * number + "0123456789ABCDEF".index(letter)
            chip = str(number)
        for prefix in map(str.upper, rule.get("prefixes", [])):
            if chip.startswith(prefix) and len(chip) > len(prefix):
                chip = chip[len(prefix) :]
                break
        while rule.get("strip_zeros") and len(chip) > 1 and chip[0] == "0":
            chip = chip[1:]
        return chip

    # Officials

    def set_status(self, bib):
        """The status fact that holds, or None."""
        latest = None
        for fact in self.of("status_set"):
            if label(fact["bib"]) == bib:
                latest = fact
        return None if latest is None or latest["status"] == "OK" else latest

    def penalty_us(self, bib):
        """The penalty that holds, in microseconds: the latest fact that names the bib; none is 0."""
        seconds = 0
        for fact in self.of("penalty_set"):
            if label(fact["bib"]) == bib:
                seconds = fact["seconds"]
        return int(Decimal(str(seconds)) * US)

    def time_set(self, bib, point):
        latest = None
        for fact in self.of("time_set"):
            if label(fact["bib"]) == bib and fact["point"] == point:
                latest = fact["at_us"]
        return latest

    def decision(self, case):
        """The outcome decided for a case, or None."""
        latest = None
        for fact in self.of("case_decided"):
            kind, _, rest = fact["case"].partition(":")
            name = f"{kind}:{label(rest)}" if kind in ("missed", "reads_after", "after_close") else fact["case"]
            if kind == "together":
                name = ":".join([kind, *map(label, rest.split(":"))])  # no bib of the logs has a colon
            if name == case:
                latest = fact["outcome"]
        return latest

    def stretch(self, race, bib, point, taken):
        """The point taken last before one that was not (None: the own gun) and the next after it, with their times."""
        names = [point_of["id"] for point_of in race["points"]]
        position = names.index(point)
        before = [(name, taken[name]) for name in names[:position] if name in taken]
        after = [(name, taken[name]) for name in names[position + 1 :] if name in taken]
        return [*[(None, self.own_gun(bib))], *before][-1], after[0]

    def waivers(self, race, point):
        """The waivers of a point of a race."""
        return [fact for fact in self.of("point_waived") if (fact["race"], fact["point"]) == (race["id"], point)]

    def reaching(self, race, bib, point, taken):
        """The waivers that let the athlete off a point that was not taken (R1.point_waived, R3.6)."""
        (_, before_us), (_, after_us) = self.stretch(race, bib, point, taken)
        cases = []
        for fact in self.waivers(race, point):
            from_us = float("-inf") if fact.get("from_us") is None else fact["from_us"]
            until_us = float("inf") if fact.get("until_us") is None else fact["until_us"]
            if from_us < until_us and before_us < until_us and after_us > from_us:
                cases.append(fact)
        return cases

    def closing(self, race):
        """The close that holds, or None: the latest, unless a reopening follows."""
        latest = None
        for fact in self.facts:
            if fact["type"] in ("race_closed", "race_reopened") and fact["race"] == race["id"]:
                latest = fact if fact["type"] == "race_closed" else None
        return latest


def label(text):
    """A bib or chip: upper-cased and stripped."""
    return text.strip().upper()


def covers(fact, at_us):
    """Whether an instant lies in `[from_us, until_us)`."""
    if fact.get("from_us") is not None and at_us < fact["from_us"]:
        return False
    return fact.get("until_us") is None or at_us < fact["until_us"]


def strength(rssi):
    """Strength of a read; null is the lowest."""
    return float("-inf") if rssi is None else rssi


# --- R3: one athlete.


def athlete(log, race, bib):
    points = race["points"]
    own_gun = log.own_gun(bib)
    official = {}
    if own_gun is not None:  # without an own gun no passing of the athlete is used
        for point in points:
            at_us = log.time_set(bib, point["id"])
            if at_us is not None:
                official[point["id"]] = at_us
    fates = {}  # key of a read -> the point that it gave, or the reason why it is unused
    reads = []
    for read in log.reads[bib]:
        if read["excluded"]:
            fates[read["key"]] = ("reason", "excluded")
        elif own_gun is None or read["at_us"] < own_gun:
            fates[read["key"]] = ("reason", "before_gun")
        else:
            reads.append(read)
    passings = []
    for passing in formed(log.definition, reads):
        if passing["duplicate"]:
            fates |= {read["key"]: ("reason", "backup_duplicate") for read in passing["reads"]}
        else:
            passings.append(passing)
    course = Course(log, race, own_gun, passings, official)
    chosen, lap_ambiguous = course.choose()
    for index, passing in enumerate(passings):
        fates |= {read["key"]: ("reason", reason) for read, reason in course.unused_of(chosen, index, passing)}
    taken = {}  # point -> instant
    shown = []
    for point, choice in zip(points, chosen, strict=True):
        if choice is not None:
            taken[point["id"]] = choice["at_us"]
            shown.append({"point": point["id"], "at_us": choice["at_us"], "source": choice["source"]})
            if choice["source"] != "official":
                fates[choice["read"]["key"]] = ("point", point["id"])
    made = result(log, race, bib, own_gun, taken)
    if lap_ambiguous:
        made["flags"].append("lap_ambiguous")
    made["flags"].sort()
    chose = {"own_gun": own_gun, "course": course, "chosen": chosen, "taken": taken, "fates": fates}
    return {"bib": bib, "race": race["id"], "points": shown, **chose, **made}


def formed(definition, reads):
    """Passings of an athlete, R3.2; `duplicate`: a backup passing that is a main one's crossing."""
    gap_us = Fraction(str(definition.get("passing_gap_s", 20))) * US
    passings = []
    for mat, source in sorted({(read["mat"], read["source"]) for read in reads}):
        there = [read for read in reads if (read["mat"], read["source"]) == (mat, source)]
        there.sort(key=lambda read: read["at_us"])
        run = []
        for read in there:
            if run and read["at_us"] - run[-1]["at_us"] > gap_us:
                passings.append({"mat": mat, "source": source, "reads": run, "duplicate": False})
                run = []
            run.append(read)
        passings.append({"mat": mat, "source": source, "reads": run, "duplicate": False})
    for backup in passings:
        for main in passings:
            if backup["source"] == "backup" and main["source"] == "main" and main["mat"] == backup["mat"]:
                apart = min(abs(a["at_us"] - b["at_us"]) for a in backup["reads"] for b in main["reads"])
                if apart <= gap_us:
                    backup["duplicate"] = True
    return passings


class Course:
    """The possible assignments of passings to points, R3.3. A choice has a candidate or None for each point."""

    def __init__(self, log, race, own_gun, passings, official):
        self.log = log
        self.race = race
        self.points = race["points"]
        self.own_gun = own_gun
        self.passings = passings
        self.official = official
        self.speed = Fraction(str(race.get("max_speed_mps", 7.5)))
        guns = log.guns(race)
        self.earliest_gun = min(guns.values()) if guns else None
        self.candidates = [self.candidates_of(point) for point in self.points]

    def candidates_of(self, point):
        """The candidates for a point on its own; an official's time is the only one if there is one."""
        if point["id"] in self.official:
            return [{"at_us": self.official[point["id"]], "source": "official", "passing": "official"}]
        passings = []
        for index, passing in enumerate(self.passings):
            if passing["mat"] == point["mat"] and self.fault(point, passing) is None:
                read = self.picked(point, passing)
                passings.append({"at_us": read["at_us"], "source": passing["source"], "passing": index, "read": read})
        return passings

    def in_window(self, read):
        return self.own_gun <= read["at_us"] <= self.own_gun + self.log.window_us[self.race["id"]]

    def picked(self, point, passing):
        """The read that gives the passing its time at a point, or None when none counts there."""
        reads = passing["reads"]
        if point["id"] == "START":
            reads = [read for read in reads if self.in_window(read)]
        if not reads:
            return None
        pick = point.get("pick") or ("last" if point["id"] == "START" else "first")
        if pick == "first":
            return min(reads, key=lambda read: read["at_us"])
        if pick == "last":
            return max(reads, key=lambda read: read["at_us"])
        return min(reads, key=lambda read: (-read["strength"], read["at_us"]))

    def fault(self, point, passing):
        """Why a passing can never fill a point, or None."""
        read = self.picked(point, passing)
        if read is None:
            return "outside_start_window"
        limits = limits_us(self.log, self.race, point.get("earliest"), self.earliest_gun, self.own_gun)
        if limits and read["at_us"] < max(limits):
            return "too_early"
        return None

    def faster(self, point_a, at_a, point_b, at_b):
        """Whether the stretch from a to b was covered faster than the speed limit."""
        metres = (Fraction(str(point_b["km"])) - Fraction(str(point_a["km"]))) * 1000
        return metres * US > self.speed * (at_b - at_a)

    def fits(self, choice, index, candidate):
        """Whether a candidate may follow what was chosen for the points before; two official times always may.

        A stretch is between neighbours: after an official's time the next one begins there.
        """
        official = candidate["source"] == "official"
        taken = [(position, before) for position, before in enumerate(choice) if before is not None]
        for _, before in taken:
            if official and before["source"] == "official":
                continue
            if before["at_us"] >= candidate["at_us"] or before["passing"] == candidate["passing"]:
                return False
        if not taken:
            return official or not self.faster(self.points[0], self.own_gun, self.points[index], candidate["at_us"])
        position, before = taken[-1]
        if official and before["source"] == "official":
            return True
        return not self.faster(self.points[position], before["at_us"], self.points[index], candidate["at_us"])

    def choices(self):
        """Every choice that the rules allow."""
        choices = [[]]
        for index, candidates in enumerate(self.candidates):
            longer = []
            for choice in choices:
                longer += [[*choice, candidate] for candidate in candidates if self.fits(choice, index, candidate)]
                if self.points[index]["id"] not in self.official:
                    longer.append([*choice, None])
            choices = longer
        return choices

    def allows(self, choice):
        """Whether the rules allow a choice."""
        return all(
            candidate is None or self.fits(choice[:index], index, candidate) for index, candidate in enumerate(choice)
        )

    def choose(self):
        """The choice that holds, and whether another fills other points of a mat that is crossed more than once.

        Official times that contradict reads leave choices without those reads; there is always one, of official times
        alone.
        """
        choices = self.choices()
        most = max(filled(choice) for choice in choices)
        full = [choice for choice in choices if filled(choice) == most]
        best = full[0]
        for choice in full[1:]:
            if self.better(choice, best):
                best = choice
        laps = [[index for index, point in enumerate(self.points) if point["mat"] == mat] for mat in self.log.mats]
        ambiguous = any(
            len(lap) > 1 and [choice[index] is None for index in lap] != [best[index] is None for index in lap]
            for choice in full
            for lap in laps
        )
        return best, ambiguous

    def better(self, choice, other):
        for index in reversed(range(len(self.points))):
            a, b = choice[index], other[index]
            if (a is None) != (b is None):
                return a is not None
            if a is not None and a["at_us"] != b["at_us"]:
                later = a["at_us"] > b["at_us"]
                return later if self.points[index]["id"] == "START" else not later
        return False

    def unused_of(self, chosen, index, passing):
        """The reads of a passing that no point took, each with its reason."""
        for point, choice in zip(self.points, chosen, strict=True):
            if choice is not None and choice["passing"] == index:
                rest = [read for read in passing["reads"] if read is not choice["read"]]
                outside = [read for read in rest if point["id"] == "START" and not self.in_window(read)]
                return [
                    (read, self.unused_reason(chosen, passing, read) if read in outside else "superseded")
                    for read in rest
                ]
        return [(read, self.unused_reason(chosen, passing, read)) for read in passing["reads"]]

    def unused_reason(self, chosen, passing, read):
        """The first reason that, with those before it, keeps a read from every point of its mat."""
        reasons = ["not_on_course"]
        points = [(index, point) for index, point in enumerate(self.points) if point["mat"] == passing["mat"]]
        if points:
            reasons = [self.kept_from(chosen, index, point, passing, read) for index, point in points]
            first_us = min((passing["at_us"] for passing in chosen if passing is not None), default=0)
            ends_us = max(read["at_us"] for read in passing["reads"])
            if set(reasons) == {"outside_start_window", "too_fast"} and ends_us < first_us:
                return "outside_start_window"  # a late start at the line of the finish
        return max(reasons, key=REASONS.index)

    def kept_from(self, chosen, index, point, passing, read):
        """Why an unused read did not give one point its time."""
        if point["id"] in self.official:
            return "overridden"
        if point["id"] == "START" and not self.in_window(read):
            return "outside_start_window"
        if self.fault(point, passing) is not None:
            return self.fault(point, passing)
        return "too_fast" if self.too_fast(chosen, index, self.picked(point, passing)["at_us"]) else "superseded"

    def too_fast(self, chosen, index, at_us):
        """Whether the stretch that ends here is too fast, from the own gun or from the point filled before."""
        point = self.points[index]
        if self.faster(self.points[0], self.own_gun, point, at_us):
            return True
        taken = [earlier for earlier in range(index) if chosen[earlier] is not None]
        if not taken:
            return False
        before_us = chosen[taken[-1]]["at_us"]
        return before_us < at_us and self.faster(self.points[taken[-1]], before_us, point, at_us)


def filled(choice):
    return sum(candidate is not None for candidate in choice)


def limits_us(log, race, limit, earliest_gun, own_gun):
    """The instants that a cut-off or earliest names, one a kind."""
    limits = []
    if limit is None:
        return limits
    if limit.get("clock") is not None:
        limits.append(clock_us(log.definition["timezone"], race["start"], limit["clock"]))
    if limit.get("gun") is not None:
        limits.append(earliest_gun + duration_us(limit["gun"]))
    if limit.get("wave") is not None:
        limits.append(own_gun + duration_us(limit["wave"]))
    return limits


def start_window_s(definition, race):
    """The race's own, or else the widest up to 1800 s with no later point on START's mat within its reach (R2)."""
    if "start_window_s" in race:
        return race["start_window_s"]
    start, *later = race["points"]
    shared = [point for point in later if point["mat"] == start["mat"]]
    windows_s = range(1800, -1, -1)
    return next(s for s in windows_s if not any(reached(definition, race, start, point, s) for point in shared))


def reached(definition, race, start, point, window_s):
    """Whether the rule has a later point on START's mat within reach of a start window."""
    if point.get("earliest") is None:
        metres = (Fraction(str(point["km"])) - Fraction(str(start["km"]))) * 1000
        return window_s * Fraction(str(race.get("max_speed_mps", 7.5))) >= metres
    scheduled_us = instant_us(datetime.fromisoformat(race["start"]), ZoneInfo(definition["timezone"]))
    after_us = [duration_us(point["earliest"][kind]) for kind in ("gun", "wave") if kind in point["earliest"]]
    if "clock" in point["earliest"]:
        after_us.append(clock_us(definition["timezone"], race["start"], point["earliest"]["clock"]) - scheduled_us)
    return max(after_us) <= window_s * US


def duration_us(text):
    hours, minutes, seconds = text.split(":")
    return int((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * US)


def clock_us(timezone, start, clock):
    """The first such local time of day after the scheduled start."""
    zone = ZoneInfo(timezone)
    started = instant_us(datetime.fromisoformat(start), zone)
    day = datetime.fromisoformat(start).date()
    while instant_us(datetime.combine(day, time.fromisoformat(clock)), zone) <= started:
        day += timedelta(days=1)
    return instant_us(datetime.combine(day, time.fromisoformat(clock)), zone)


def instant_us(local, zone):
    utc = local.replace(tzinfo=zone).astimezone(ZoneInfo("UTC"))
    return (utc - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) // timedelta(microseconds=1)


def result(log, race, bib, own_gun, taken):
    """Times, cut-off, completion, status and cases, R3.4 to R3.8."""
    points = race["points"]
    guns = log.guns(race)
    earliest_gun = min(guns.values()) if guns else None
    finish = taken.get("FINISH")

    cut_at = None
    for point in points:
        limits = limits_us(log, race, point.get("cutoff"), earliest_gun, own_gun) if own_gun is not None else []
        if cut_at is None and limits and point["id"] in taken and taken[point["id"]] > min(limits):
            cut_at = point["id"]

    missed, waived = [], []
    for index, point in enumerate(points):
        later = any(after["id"] in taken for after in points[index + 1 :])
        mandatory = point.get("mandatory", True)
        if point["id"] == "START" and race.get("missing_start", "gun") != "dnf":
            mandatory = False
        if mandatory and point["id"] not in taken and later:
            if log.reaching(race, bib, point["id"], taken):
                waived.append(point["id"])
            else:
                missed.append(point["id"])
    flags = ["waived"] if waived else []

    set_fact = log.set_status(bib)
    missing_mat = race.get("missing_mat", "dnf")
    ground = bool(missed) and set_fact is None and cut_at is None and missing_mat != "ignore"
    decided = log.decision(f"missed:{bib}") if ground else None

    closing = log.closing(race)
    limit = None if closing is None else closing.get("at_us")
    after_close = finish is not None and limit is not None and finish > limit and set_fact is None and cut_at is None
    late_decided = log.decision(f"after_close:{bib}") if after_close else None

    by_missed_mats = None  # the status by R3.6
    let_off = not missed or missing_mat == "ignore" or decided == "accept"
    under_review = missing_mat == "review" and decided is None  # of those with FINISH
    review = False
    if decided == "dnf":
        by_missed_mats = "DNF"
    elif finish is not None:
        if let_off:
            by_missed_mats = "FINISHED"
        elif missing_mat == "review":
            by_missed_mats = "FINISHED"
            review = True
        else:
            by_missed_mats = "DNF"

    if after_close and late_decided != "accept":
        by_missed_mats = "DNF"

    if (set_fact is not None and set_fact["status"] == "DQ") or "dq" in (decided, late_decided):
        status = "DQ"
    elif set_fact is not None:
        status = set_fact["status"]
    elif cut_at is not None:
        status = "OTL"
    elif by_missed_mats is not None:
        status = by_missed_mats
    elif closing is not None:
        status = "DNF" if taken else "DNS"
    else:
        status = "ON_COURSE" if taken else "NOT_STARTED"

    gun_time = chip_time = None
    if finish is not None:
        gun_time = finish - (own_gun if race.get("gun_from", "race") == "wave" else earliest_gun)
        if "START" in taken:
            chip_time = finish - taken["START"]
        elif race.get("missing_start", "gun") == "gun" or let_off or (ground and under_review):
            chip_time = finish - own_gun
            flags.append("start_assumed")
    if review and status == "FINISHED":
        flags.append("review")
    penalty = log.penalty_us(bib)
    if penalty != 0:
        flags.append("penalty")
        gun_time = None if gun_time is None else gun_time + penalty
        chip_time = None if chip_time is None else chip_time + penalty

    cases = []
    if ground:
        cases.append(case_of(log, f"missed:{bib}", bib, race["id"]))
    if after_close:
        cases.append(case_of(log, f"after_close:{bib}", bib, race["id"]))
    if set_fact is not None and contradicted(set_fact, taken):
        cases.append(case_of(log, f"reads_after:{bib}", bib, race["id"]))

    time_s = None
    if status == "FINISHED":
        time_s = printed(gun_time if race.get("official_time", "gun") == "gun" else chip_time)
    return {
        "status": status,
        "gun_us": gun_time,
        "chip_us": chip_time,
        "time_s": time_s,
        **({"penalty_us": penalty} if penalty else {}),
        "cut_at": cut_at,
        "missed": missed,
        "flags": flags,
        "cases": cases,
        "waived": waived,
        "set_status": None if set_fact is None else set_fact["status"],
        "decided": decided,
        "let_off": let_off or (ground and under_review),
        "after_close": after_close,
        "late_decided": late_decided,
        "limit": limit,
        "closed": closing is not None,
        "gun_from": own_gun if race.get("gun_from", "race") == "wave" else earliest_gun,
    }


def contradicted(set_fact, taken):
    if set_fact.get("at_us") is not None:
        return any(at_us > set_fact["at_us"] for at_us in taken.values())
    if set_fact["status"] == "DNS":
        return bool(taken)
    return set_fact["status"] == "DNF" and "FINISH" in taken


def case_of(log, name, bib, race):
    return {"case": name, "bib": bib, "race": race, "open": log.decision(name) is None}


# --- R4: standings.


def lineage(log, board):
    """A board and all that it lies within, itself first."""
    boards = {known["id"]: known for known in log.definition["boards"]}
    line_of_boards = [board]
    while line_of_boards[-1].get("within") is not None:
        line_of_boards.append(boards[line_of_boards[-1]["within"]])
    return line_of_boards


def passes(entry, board):
    """Whether an entry passes a board's own filters."""
    if entry["race"] != board["race"]:
        return False
    for key in ("gender", "division", "club", "wave"):
        if board.get(key) is not None and entry.get(key) != board[key]:
            return False
    if (
        board.get("nationality") is not None
        and (entry.get("nationality") or "").upper() != board["nationality"].upper()
    ):
        return False
    born = entry.get("birth_year")
    if board.get("born_from") is not None and (born is None or born < board["born_from"]):
        return False
    return not (board.get("born_to") is not None and (born is None or born > board["born_to"]))


def belongs(log, board, bib):
    """Whether an athlete is ranked and passes the filters of a board and its parents."""
    entry = log.entries[bib]
    return entry.get("ranked", True) and all(passes(entry, outer) for outer in lineage(log, board))


def ranked(log, athletes, board):
    """Rows of a board with their places, R4.1 to R4.3."""
    root = lineage(log, board)[-1]
    race = log.races[root["race"]]
    finishers = [row for bib, row in athletes.items() if row["status"] == "FINISHED" and belongs(log, root, bib)]
    rank_by = root.get("rank_by") or "gun"
    if rank_by == "gun_then_chip":
        lead, rest = parted(finishers, root.get("gun_places", 5))
        groups = tied_groups(log, race, lead, "gun_us") + tied_groups(log, race, rest, "chip_us")
        times = {row["bib"]: printed(row["gun_us"]) for row in lead}
        times |= {row["bib"]: printed(row["chip_us"]) for row in rest}
    else:
        groups = tied_groups(log, race, finishers, f"{rank_by}_us")
        times = {row["bib"]: row["time_s"] for row in finishers}
    rows = []
    for group in groups:  # each group is one place in the root
        here = [row for row in group if belongs(log, board, row["bib"])]
        place = len(rows) + 1
        here.sort(key=lambda row: bib_order(row["bib"]))
        rows += [{**row, "place": place, "time_s": times[row["bib"]]} for row in here]
    return rows


def parted(finishers, gun_places):
    """The leaders by gun time, and the rest."""
    by_gun = sorted(row["gun_us"] for row in finishers)
    if gun_places == 0 or not finishers:
        return [], finishers
    last = by_gun[min(gun_places, len(by_gun)) - 1]
    return [row for row in finishers if row["gun_us"] <= last], [row for row in finishers if row["gun_us"] > last]


def tied_groups(log, race, finishers, key):
    """Finishers by a time, in groups that share a place: equal times, unless judges ordered all of them."""
    groups = []
    for value in sorted({row[key] for row in finishers}):
        tie = [row for row in finishers if row[key] == value]
        order = judges_order(log, race, [row["bib"] for row in tie]) if len(tie) > 1 else None
        if order is None:
            groups.append(tie)
        else:
            groups += [[row] for row in sorted(tie, key=lambda row: order.index(row["bib"]))]
    return groups


def judges_order(log, race, bibs):
    """The latest judges' order that names all of a tie, or None. One that names an unknown bib is pending."""
    latest = None
    for fact in log.of("order_set"):
        order = [label(bib) for bib in fact["bibs"]]
        known = all(bib in log.entries for bib in order)
        if fact["race"] == race["id"] and known and all(bib in order for bib in bibs):
            latest = order
    return latest


def team_entries(log, board):
    """Team -> bibs of its entries on the board that the team board is of, by order of first entry."""
    of = next(listed for listed in log.definition["boards"] if listed["id"] == board["of"])
    teams = defaultdict(list)
    for bib, entry in log.entries.items():
        if entry.get("team") and belongs(log, of, bib):
            teams[entry["team"]].append(bib)
    return teams


def team_cases(log, board):
    of = next(listed for listed in log.definition["boards"] if listed["id"] == board["of"])
    return [
        case_of(log, f"team:{board['id']}:{team}", None, of["race"])
        for team, bibs in team_entries(log, board).items()
        if len(bibs) > board.get("max_members", 5)
    ]


def together_cases(log, athletes):
    """A case for each pair of athletes whose chips are carried together, R4.10."""
    rule = log.definition.get("together")
    if rule is None or rule.get("points", 3) == 0:
        return []
    within_us = Fraction(str(rule.get("within_s", 0.2))) * US
    instants = {bib: instants_by_mat(log, bib, row) for bib, row in athletes.items()}
    pairs = []
    for bib, other in combinations(sorted(athletes, key=bib_order), 2):
        apart = [
            abs(at_us - instants[other][where])
            for where, at_us in instants[bib].items()
            if where in instants[other] and (at_us % US or instants[other][where] % US)
        ]
        if len(apart) >= rule.get("points", 3) and all(us <= within_us for us in apart):
            race = next(race for race in log.definition["races"] if race["id"] == athletes[bib]["race"])
            pairs.append(case_of(log, f"together:{bib}:{other}", bib, race["id"]))
    return pairs


def instants_by_mat(log, bib, row):
    """(mat, which of the athlete's points there) -> instant, of the points taken from reads; without START."""
    race = next(race for race in log.definition["races"] if race["id"] == row["race"])
    taken = {point["point"]: point["at_us"] for point in row["points"] if point["source"] != "official"}
    instants, passed = {}, defaultdict(int)
    for point in race["points"][1:]:
        passed[point["mat"]] += 1
        if point["id"] in taken:
            instants[point["mat"], passed[point["mat"]]] = taken[point["id"]]
    return instants


def team_rows(log, athletes, boards, board):
    """Rows of a team board, R4.4 to R4.6."""
    of = next(listed for listed in log.definition["boards"] if listed["id"] == board["of"])
    counting = board.get("counting", 3)
    kind = board.get("score", "sum_places")
    on_board = {row["bib"]: row for row in boards[of["id"]]}
    started = [
        bib for bib, row in athletes.items() if row["status"] not in ("NOT_STARTED", "DNS") and belongs(log, of, bib)
    ]

    def score_of(bib):
        if bib in on_board:
            return on_board[bib]["place" if kind == "sum_places" else "time_s"]
        lost = athletes[bib]["status"] in ("DNF", "OTL")
        if kind == "sum_places" and lost and board.get("non_finisher", "n_plus_1") == "n_plus_1":
            return len(started) + 1
        return None

    placed, rest = [], []
    for team, bibs in team_entries(log, board).items():
        counted_bibs = bibs[: board.get("max_members", 5)]
        scores = [{"bib": bib, "score": score_of(bib)} for bib in counted_bibs if score_of(bib) is not None]
        scores.sort(key=lambda member: (member["score"], bib_order(member["bib"])))
        if len(scores) < counting:
            rest.append({"place": None, "team": team, "score": None, "members": scores})
        else:
            members = scores[:counting]
            values = [member["score"] for member in members]
            total = max(values) if kind == "last_time" else sum(values)
            key = (total, *reversed(values)) if kind == "sum_places" else (total,)
            placed.append((key, {"team": team, "score": total, "members": members}))
    return numbered(placed) + sorted(rest, key=lambda row: row["team"])


def numbered(placed):
    """Rows by key with their places, equal keys sharing one; among those by name."""
    placed = sorted(placed, key=lambda team: (team[0], team[1]["team"]))
    return [{"place": 1 + sum(other < key for other, _ in placed), **row} for key, row in placed]


def delegation_rows(teams, delegation):
    """Rows of a delegation board, R4.7."""
    names = sorted({row["team"] for board in delegation["sum"] for row in teams[board]})
    placed, rest = [], []
    for name in names:
        rows = [row for board in delegation["sum"] for row in teams[board] if row["team"] == name]
        scores = [row["score"] for row in rows if row["place"] is not None]
        if len(scores) < len(delegation["sum"]):
            rest.append({"place": None, "team": name, "score": None})
            continue
        tie = float("inf")
        if delegation.get("tie") is not None:
            for row in teams[delegation["tie"]]:
                if row["team"] == name and row["place"] is not None:
                    tie = row["place"]
        placed.append(((sum(scores), tie), {"team": name, "score": sum(scores)}))
    return numbered(placed) + rest
