"""Small random logs in which the rules meet often: few athletes, few points, instants from a coarse grid.

A log is a list of facts as plain JSON objects. Everything is drawn from one `random.Random`, so that a seed gives the
same log. Times lie on a grid of ten seconds, at times one microsecond off it, so that ties, limits met exactly and
limits missed by a microsecond all happen by themselves. Half of the logs are of a calm race, in which most athletes
finish, so that boards and teams have something to rank.
"""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import parse_definition
from schemas.ids import bib_order

EVENT = "e"
US = 1_000_000
STEP_US = 10 * US
BIBS = ["1", "2", "10", "A1", "B2", "C33"]
CHIPS = ["T1", "T2", "17", "26", "T5", "T6", "T7"]
WAVES = ["w1", "w2"]
CASES = ["missed"] * 3 + ["reads_after"] * 2 + ["after_close"] * 2  # by how often they are decided
TEAMS = ["Hue", "Vinh", "Da Lat"]
DAYS = [
    ("UTC", "2024-03-03T05:00:00"),
    ("Asia/Ho_Chi_Minh", "2024-03-02T23:58:30"),
    ("Europe/Berlin", "2024-03-31T01:58:30"),
]


def log_of(seed):
    """The log of a seed."""
    return a_log(Random(seed))


def a_log(rng):
    """A random log: facts as plain objects, in log order."""
    made = Maker(rng)
    facts = made.officials()
    facts = order(rng, facts, made.calm)
    reads = made.reads_facts()
    merged = merge(rng, facts, reads)
    merged = named(rng, merged)
    return [{**fact, "event": EVENT} for fact in merged]


def officials_of(seed):
    """Officials' facts that fit any log well enough: they name the same races, bibs, chips, devices and points."""
    return [{**fact, "event": EVENT} for fact in Maker(Random(seed)).officials()]


def one_of_each(rng):
    """An officials' fact of every kind except the definition, two of the kinds that come in pairs, in any order."""
    maker = Maker(rng)
    kinds = [kind for kind in maker.kinds() if kind != maker.a_definition_again]
    facts = [kind() for kind in kinds]
    facts += [{"type": kind, "race": "r"} for kind in ("race_closed", "race_reopened")]
    facts += [maker.a_device(), maker.a_gun_again()]
    rng.shuffle(facts)
    return [{**fact, "event": EVENT} for fact in facts]


def some_reads(rng, chip):
    """A fact with a few reads of a chip, anywhere."""
    maker = Maker(rng)
    devices = [rng.choice(maker.devices) for _ in range(rng.randint(1, 4))]
    reads = [
        {"seq": number, "device": device, "chip": chip, "at_us": maker.grid()} for number, device in enumerate(devices)
    ]
    return {"type": "reads_received", "event": EVENT, "gateway": "more", "session": "s", "reads": reads}


def order(rng, facts, calm):
    """Mostly the definition, entries and guns first; at times any order at all."""
    kind = rng.random() if not calm or rng.random() < 0.3 else 1
    if kind < 0.3:
        rng.shuffle(facts)
        return facts
    head = [fact for fact in facts if fact["type"] in ("event_defined", "entries_added", "gun_fired")]
    rest = [fact for fact in facts if fact["type"] not in ("event_defined", "entries_added", "gun_fired")]
    rng.shuffle(rest)
    if kind < 0.6:
        late = [head.pop(rng.randrange(len(head))) for _ in range(min(len(head), rng.randrange(3)))]
        for fact in late:
            rest.insert(rng.randrange(len(rest) + 1), fact)
    return head + rest


def merge(rng, facts, reads):
    merged = list(facts)
    for fact in reads:
        low = 0 if rng.random() < 0.3 else len(merged) // 2
        merged.insert(rng.randint(low, len(merged)), fact)
    return merged


UPLOADS = ("u0", "u1", "f3")  # the last one may be the id of another fact too


def named(rng, facts):
    """The facts with ids, some of them used twice, and withdrawals among them."""
    named = []
    ids = [f"f{number}" for number in range(len(facts))]
    for number, fact in enumerate(facts):
        roll = rng.random()
        if roll < 0.04:
            fact = {**fact, "id": rng.choice(ids)}
        elif roll < 0.7:
            fact = {**fact, "id": ids[number]}
        if fact["type"] == "entries_added" and rng.random() < 0.5:
            fact = {**fact, "part_of": rng.choice(UPLOADS)}
        named.append(fact)
    if rng.random() < 0.4:
        for number in range(rng.randint(1, 4)):
            ids.append(f"w{number}")
            target = rng.choice(ids)
            if rng.random() < 0.7:  # an official's fact, rather than reads, which cannot be withdrawn
                targets = [
                    fact_of["id"] for fact_of in named if "id" in fact_of and fact_of["type"] != "reads_received"
                ]
                targets += [fact_of["part_of"] for fact_of in named if "part_of" in fact_of]
                target = rng.choice(targets or ids)
            if number and rng.random() < 0.4:
                target = f"w{rng.randrange(number + 1)}"
            fact = {"type": "fact_withdrawn", "fact": target, "reason": "r", "id": f"w{number}"}
            named.insert(rng.randint(0, len(named)), fact)
            if rng.random() < 0.1:
                named.insert(rng.randint(0, len(named)), fact)
    return named


class Maker:
    """Makes the parts of one log."""

    def __init__(self, rng):
        self.rng = rng
        self.calm = rng.random() < 0.5
        self.timezone, self.start = rng.choice(DAYS)
        local = datetime.fromisoformat(self.start).replace(tzinfo=ZoneInfo(self.timezone))
        self.start_us = round(local.timestamp()) * US
        self.race_ids = ["r"] if rng.random() < (0.85 if self.calm else 0.6) else ["r", "s"]
        self.carries = rng.random() < 0.4
        self.together = "together:1:2"
        self.definition = self.a_definition()
        self.bibs = BIBS[: rng.randint(4 if self.calm else 2, len(BIBS))]
        self.teams = TEAMS[: rng.randint(2, len(TEAMS))] if rng.random() < 0.8 else []
        self.entries = [self.an_entry(bib) for bib in self.bibs]
        if len(self.race_ids) == 1 or rng.random() < 0.3:
            for entry in self.entries:
                entry["race"] = "r"
        self.gun_us = {race: self.start_us + rng.choice([0, 0, 0, 1, 2]) * STEP_US for race in self.race_ids}
        self.devices = [device for mat in self.definition["mats"] for device in self.devices_of(mat)]
        self.bibs_named, self.chips_named, self.devices_named = self.bibs, CHIPS, self.devices  # by officials' facts
        self.reads = []
        for entry in self.entries:
            self.run(entry)
        if self.carries:
            self.carry()

    def maybe(self, chance, value):
        return value if self.rng.random() < chance else None

    def off(self):
        """Mostly nothing, else one microsecond either way."""
        return self.rng.choice([0, 0, 0, 0, 0, 0, 1, -1] if self.calm else [0, 0, 0, 0, 1, -1])

    def grid(self, steps=60):
        return self.start_us + self.rng.randint(-1, steps) * STEP_US + self.off()

    # The definition

    def devices_of(self, mat):
        return mat["devices"] + mat.get("backup_devices", [])

    def a_definition(self):
        while True:
            plain = self.try_definition()
            try:
                parse_definition(plain)
            except DefinitionRefused:
                continue
            return plain

    def try_definition(self):
        rng = self.rng
        mats = []
        for name in "ABCD"[: rng.randint(2, 4)]:
            mat = {"id": name, "devices": [f"{name}1", f"{name}2"][: rng.randint(1, 2)]}
            if rng.random() < 0.4:
                mat["backup_devices"] = [f"{name}b"]
            mats.append(mat)
        plain = {
            "event": EVENT,
            "name": "Event",
            "date": self.start[:10],
            "timezone": self.timezone,
            "mats": mats,
            "races": [self.a_race(race, [mat["id"] for mat in mats]) for race in self.race_ids],
        }
        if self.carries and rng.random() < 0.5:  # athletes of two races meet at all mats
            plain["races"] = [{**plain["races"][0], "id": race} for race in self.race_ids]
        if rng.random() < 0.5:
            plain["passing_gap_s"] = rng.choice([10, 20, 30, 10.000001, 0])
        if rng.random() < (0.9 if self.carries else 0.3):
            plain["together"] = self.a_rule_for_pairs()
        if rng.random() < 0.25:
            plain["chips"] = self.a_rule_for_chips()
        plain["boards"] = self.some_boards()
        plain["team_boards"] = self.some_team_boards([board["id"] for board in plain["boards"]])
        teams = [board["id"] for board in plain["team_boards"]]
        if teams and rng.random() < 0.8:
            delegation = {"id": "d", "sum": rng.sample(teams, rng.choice([1, 1, len(teams)]))}
            if rng.random() < 0.7:
                delegation["tie"] = rng.choice(teams)
            plain["delegations"] = [delegation]
        return plain

    def a_rule_for_pairs(self):
        """The table `together`, at times with defaults; few points are enough, since courses are short."""
        rule = {}
        if self.rng.random() < 0.7:
            rule["within_s"] = self.rng.choice([0, 0.2, 0.000001, 5, 30])
        if self.rng.random() < 0.9:
            rule["points"] = self.rng.choice([0, 1, 1, 2, 2, 3])
        return rule

    def a_rule_for_chips(self):
        """The table `chips`, at times without an effect."""
        rule = {}
        if self.rng.random() < 0.8:
            rule["strip_zeros"] = self.rng.random() < 0.9
        if self.rng.random() < 0.6:
            rule["prefixes"] = self.rng.choice([["E2"], ["e20", "E2"], ["T"], ["0"]])
        if self.rng.random() < 0.3:
            rule["hex_digits"] = self.rng.choice([2, 4, 4])
        return rule

    def spelt(self, chip):
        """A chip as one reader or another writes it, where the definition may know what counts."""
        if "chips" not in self.definition or self.rng.random() < 0.6:
            return chip
        if chip.isdigit() and self.rng.random() < 0.4:
            return f"{int(chip):0{self.rng.choice([2, 4, 5])}x}"
        return self.rng.choice(["0", "000", "E2", "E20", "e200", "0E2", "T"]) + chip

    def a_race(self, race, mats):
        rng = self.rng
        count = rng.choice([2, 3, 3, 4, 4, 5, 6])
        names = ["START", *[f"P{number}" for number in range(1, count - 1)], "FINISH"]
        km = 0.0 if rng.random() < 0.9 else 0.1
        few = rng.sample(mats, min(len(mats), rng.choice([2, 2, 3, 4])))
        window_s = rng.choice([20, 60, 60, 120])
        points = []
        cut_us = {}
        for number, name in enumerate(names):
            point = {"id": name, "mat": rng.choice(few), "km": round(km, 4)}
            km += rng.choice([0.1, 0.3] if self.calm else [0.1, 0.3, 0.5, 0.5, 1])
            if number and rng.random() < (0.1 if self.calm else 0.25):
                point["cutoff"] = self.a_cutoff(number, cut_us)
            shares = number and point["mat"] == points[0]["mat"]
            if (shares and rng.random() < 0.7) or rng.random() < (0.02 if self.calm else 0.15):
                point["earliest"] = self.an_earliest(number, window_s if shares else None)
            if rng.random() < 0.2:
                point["mandatory"] = rng.random() < 0.3
            if rng.random() < 0.5:
                point["pick"] = rng.choice(["first", "last", "strongest", "strongest"])
            points.append(point)
        made = {"id": race, "name": "Race", "start": self.start, "points": points}
        if rng.random() < 0.8:
            made["start_window_s"] = window_s
        for key, values in (
            ("official_time", ["gun", "chip"]),
            ("gun_from", ["race", "wave"]),
            ("missing_start", ["gun", "dnf"]),
            ("missing_mat", ["dnf", "review", "ignore"]),
            ("max_speed_mps", [10, 100] if self.calm else [10, 7.5, 3.3, 100]),
        ):
            if rng.random() < 0.6:
                made[key] = rng.choice(values)
        return made

    def a_cutoff(self, number, before):
        """A cut-off of some kinds, none before that kind's of an earlier point."""
        limit = {}
        for kind in self.rng.sample(["clock", "gun", "wave"], self.rng.choice([1, 1, 2, 3])):
            after = max(before.get(kind, 0), self.rng.randint(2, 12) * number) + self.rng.randint(0, 2)
            before[kind] = after
            limit[kind] = self.clock(after) if kind == "clock" else duration(after * 10)
        return limit

    def an_earliest(self, number, window_s):
        limit = {}
        for kind in self.rng.sample(["clock", "gun", "wave"], self.rng.choice([1, 1, 2, 3])):
            after = self.rng.randint(0, 3) * number
            if window_s is not None:
                after = window_s // 10 + self.rng.randint(1, 4)
            limit[kind] = self.clock(max(after, 1)) if kind == "clock" else duration(after * 10)
        return limit

    def clock(self, steps):
        local = datetime.fromtimestamp(self.start_us // US, ZoneInfo(self.timezone)) + timedelta(seconds=steps * 10)
        return local.time().isoformat()

    def some_boards(self):
        rng = self.rng
        boards = []
        for number in range(rng.randint(1, 4)):
            board = {"id": f"b{number}", "race": rng.choice(self.race_ids)}
            parents = [parent for parent in boards if parent["race"] == board["race"]]
            if parents and rng.random() < 0.5:
                board["within"] = rng.choice(parents)["id"]
            else:
                board["rank_by"] = rng.choice(["gun", "chip", "gun_then_chip", "gun_then_chip"])
                if rng.random() < 0.8:
                    board["gun_places"] = rng.randint(0, 3)
            for key, values in (
                ("gender", ["M", "F"]),
                ("division", ["elite"]),
                ("born_from", [1980, 1990]),
                ("born_to", [1990, 2000]),
                ("nationality", ["VIE"]),
                ("club", ["k"]),
                ("wave", ["w1"]),
            ):
                if rng.random() < (0.04 if self.calm else 0.12):
                    board[key] = rng.choice(values)
            boards.append(board)
        return boards

    def some_team_boards(self, boards):
        rng = self.rng
        rows = []
        for number in range(rng.choice([0, 1, 2, 3])):
            board = {"id": f"t{number}", "of": rng.choice(boards), "counting": rng.choice([1, 1, 2, 2, 3])}
            board["score"] = rng.choice(["sum_places", "sum_places", "sum_times", "last_time"])
            board["max_members"] = board["counting"] + rng.randint(0, 1)
            if rng.random() < 0.4:
                board["non_finisher"] = rng.choice(["n_plus_1", "none"])
            rows.append(board)
        return rows

    # Entries and who ran

    def an_entry(self, bib):
        rng = self.rng
        entry = {
            "bib": bib,
            "chips": rng.sample(CHIPS, 2) if rng.random() < 0.15 else [CHIPS[BIBS.index(bib)]],
            "race": rng.choice(self.race_ids) if self.calm or rng.random() < 0.97 else "unknown",
            "gender": rng.choice(["M", "M", "M", "M", "X"] if self.calm else ["M", "M", "F"]),
            "given_name": "G",
            "family_name": bib,
        }
        for key, chance, values in (
            ("birth_year", 0.7, [1979, 1980, 1990, 1991, 2001]),
            ("nationality", 0.5, ["VIE", "vie", "KEN"]),
            ("division", 0.5, ["elite"]),
            ("club", 0.5, ["k"]),
            ("wave", 0.4, WAVES),
            ("ranked", 0.1, [False]),
        ):
            if rng.random() < chance:
                entry[key] = rng.choice(values)
        if self.teams and rng.random() < 0.9:
            entry["team"] = rng.choice(self.teams)
        return entry

    def run(self, entry):
        """The reads of an athlete who runs the course, with everything that may go wrong."""
        rng = self.rng
        race = next((race for race in self.definition["races"] if race["id"] == entry["race"]), None)
        if race is None or rng.random() < (0.03 if self.calm else 0.07):
            return
        mats = {mat["id"]: mat for mat in self.definition["mats"]}
        at_us = self.gun_us[race["id"]] + rng.choice([0, 1, 1] if self.calm else [0, 0, 1, 2, 6, 7]) * STEP_US
        speed = race.get("max_speed_mps", 7.5)
        stop = (
            len(race["points"]) if rng.random() < (0.95 if self.calm else 0.8) else rng.randrange(len(race["points"]))
        )
        before = None
        for point in race["points"][:stop]:
            if before is not None:
                fastest = max(1, int((point["km"] - before["km"]) * 1000 / speed / 10))
                later = [1, 1, 1, 2] if self.calm else [0, 1, 1, 2, 4]
                at_us += (fastest + rng.choice(later)) * STEP_US
            before = point
            if rng.random() < (0.95 if self.calm else 0.85):
                self.cross(entry, mats[point["mat"]], at_us + self.off())
        for _ in range(rng.choice([0, 0, 0, 1] if self.calm else [0, 0, 1, 2])):
            self.cross(entry, rng.choice(list(mats.values())), self.grid())

    def cross(self, entry, mat, at_us):
        rng = self.rng
        gap_us = int(self.definition.get("passing_gap_s", 20) * US)
        for _ in range(rng.choice([1, 1, 1, 2] if self.calm else [1, 1, 2, 3])):
            chip = self.spelt(rng.choice(entry["chips"]))
            read = {"device": rng.choice(self.devices_of(mat)), "chip": chip, "at_us": at_us}
            if rng.random() < 0.6:
                read["rssi"] = rng.choice([-50, -50, -60, -60.5, None])
            self.reads.append(read)
            at_us += rng.choice([0, 5 * US, STEP_US, gap_us, gap_us + 1, 2 * gap_us])

    def carry(self):
        """An athlete carries the chip of another too: what reads one of them reads the other, a little apart."""
        rng = self.rng
        carried, carrier = rng.sample(self.entries, 2)
        self.together = f"together:{':'.join(sorted((carried['bib'], carrier['bib']), key=bib_order))}"
        chips = carried["chips"]
        self.reads = [read for read in self.reads if read["chip"] not in chips]
        aparts = [rng.choice([1, 1, -1, 200_000, -200_000]), rng.choice([1, 0, 200_000, 200_001, -5 * US])]
        for read in [read for read in self.reads if read["chip"] in carrier["chips"]]:
            apart_us = aparts[rng.random() < 0.2]
            self.reads.append({**read, "chip": rng.choice(chips), "at_us": read["at_us"] + apart_us})

    # Facts

    def reads_facts(self):
        rng = self.rng
        reads = list(self.reads)
        for _ in range(rng.choice([0, 1, 2])):
            device = rng.choice([*self.devices, "Z9"])
            reads.append({"device": device, "chip": rng.choice([*CHIPS, "t1 ", "X"]), "at_us": self.grid()})
        if reads:
            for _ in range(rng.choice([0, 0, 1, 3])):
                read = dict(rng.choice(reads))
                if rng.random() < 0.5:
                    read["rssi"] = rng.choice([-40, -55, None])
                reads.append(read)
        if rng.random() < 0.6:
            rng.shuffle(reads)
        facts = []
        seq = 0
        while reads:
            taken = rng.randint(1, 6)
            batch = []
            for read in reads[:taken]:
                batch.append({"seq": seq, **read})
                seq += 1
            facts.append({"type": "reads_received", "gateway": "g", "session": "s", "reads": batch})
            del reads[:taken]
        return facts

    def officials(self):
        """Every fact except reads: those that nearly every log has, then a few of any kind."""
        rng = self.rng
        facts = []
        if self.calm or rng.random() < 0.98:
            facts.append({"type": "event_defined", "definition": self.definition})
        entries = list(self.entries)
        while entries:
            taken = rng.randint(1, len(entries))
            facts.append({"type": "entries_added", "entries": entries[:taken]})
            del entries[:taken]
        for race in self.race_ids:
            if self.calm or rng.random() < 0.93:
                facts.append({"type": "gun_fired", "race": race, "at_us": self.gun_us[race]})
            for wave in WAVES:
                if rng.random() < 0.25:
                    at_us = self.gun_us[race] + rng.choice([-1, 0, 1, 2]) * STEP_US
                    facts.append({"type": "gun_fired", "race": race, "wave": wave, "at_us": at_us})
        if self.carries and rng.random() < 0.3:
            name = rng.choice([self.together, self.together.lower().replace(":", ": ")])
            facts.append({"type": "case_decided", "case": name, "outcome": "accept", "reason": "r"})
        some = self.kinds()
        if self.calm:
            some += [self.an_order] * 4
        more = rng.choice([0, 1, 2, 4, 6] if self.calm else [0, 1, 2, 4, 8, 12])
        if rng.random() < 0.35:
            some = self.dispute(some)
            more = rng.randint(3, 8)
        facts += [rng.choice(some)() for _ in range(more)]
        return facts + self.a_close_before_the_last() if rng.random() < 0.1 else facts

    def a_close_before_the_last(self):
        """A close before some finishes, and what the jury decides on them and on missed points."""
        rng = self.rng
        instants = sorted(read["at_us"] for read in self.reads) or [self.start_us]
        limit_us = rng.choice(instants[len(instants) // 2 :]) + rng.choice([0, 0, -1, 1])
        facts = [{"type": "race_closed", "race": rng.choice(self.race_ids), "at_us": limit_us}]
        for bib in self.bibs:
            for kind in ("after_close", "missed"):
                if rng.random() < 0.5:
                    outcome = rng.choice(["accept", "dnf", "dq"])
                    facts.append({"type": "case_decided", "case": f"{kind}:{bib}", "outcome": outcome, "reason": "r"})
        return facts

    def kinds(self):
        """The makers of facts, each repeated by its weight."""
        return [
            self.a_definition_again,
            self.an_entry_again,
            self.an_entry_withdrawal,
            self.a_gun_again,
            self.a_correction,
            self.a_device,
            self.a_chip,
            self.a_time,
            self.a_time,
            self.a_time,
            self.an_exclusion,
            self.a_status,
            self.a_status,
            self.a_penalty,
            self.a_waiver,
            self.a_waiver,
            self.a_waiver,
            self.an_order,
            self.an_order,
            self.a_decision,
            self.a_decision,
            self.a_closing,
            self.a_closing,
            self.an_idle_fact,
        ]

    def dispute(self, some):
        """Officials who go back and forth: a few kinds of facts, each on hardly more than one subject."""
        rng = self.rng
        self.bibs_named = rng.sample(self.bibs, 2)
        self.chips_named = [next(entry for entry in self.entries if entry["bib"] == self.bibs_named[0])["chips"][0]]
        self.devices_named = [rng.choice(self.reads)["device"]] if self.reads else self.devices[:1]
        return rng.sample(some, 2)

    def a_bib(self):
        return self.rng.choice([*self.bibs_named * 4, "a1", "99"])

    def a_race_id(self):
        return self.rng.choice([*self.race_ids * 3, "unknown"])

    def a_point(self):
        return self.rng.choice(["START", "P1", "P2", "P3", "FINISH", "FINISH"])

    def a_definition_again(self):
        return {"type": "event_defined", "definition": self.a_definition()}

    def an_entry_again(self):
        entries = [self.an_entry(self.rng.choice(BIBS)) for _ in range(self.rng.randint(1, 2))]
        return {"type": "entries_added", "entries": entries}

    def an_entry_withdrawal(self):
        return {"type": "entry_withdrawn", "bib": self.a_bib(), "reason": "r"}

    def a_gun_again(self):
        race = self.rng.choice(self.race_ids)
        at_us = self.gun_us[race] + self.rng.choice([-1, 0, 1, 3]) * STEP_US + self.off()
        fact = {"type": "gun_fired", "race": self.a_race_id(), "at_us": at_us}
        wave = self.rng.choice([None, None, *WAVES])
        return fact if wave is None else {**fact, "wave": wave}

    def between(self):
        """`from_us` and `until_us`, either or both left out at times."""
        rng = self.rng
        instants = [read["at_us"] for read in self.reads] or [self.start_us]
        fields = {}
        if rng.random() < 0.5:
            fields["from_us"] = rng.choice([self.grid(), rng.choice(instants), rng.choice(instants) + 1])
        if rng.random() < 0.5:
            fields["until_us"] = rng.choice([self.grid(), rng.choice(instants), rng.choice(instants) + 1])
        return fields

    def a_correction(self):
        offset_us = self.rng.choice([-3, -1, 1, 2]) * STEP_US + self.off()
        return {
            "type": "clock_corrected",
            "device": self.rng.choice(self.devices_named),
            "offset_us": offset_us,
            **self.between(),
        }

    def a_device(self):
        mat = self.rng.choice([*[mat["id"] for mat in self.definition["mats"]], "unknown"])
        device = self.rng.choice([*self.devices_named, "Z9"])
        return {"type": "device_assigned", "device": device, "mat": mat, **self.between()}

    def a_chip(self):
        return {
            "type": "chip_assigned",
            "chip": self.spelt(self.rng.choice(self.chips_named)),
            "bib": self.a_bib(),
            **self.between(),
        }

    def a_time(self):
        instants = [read["at_us"] for read in self.reads] or [self.start_us]
        at_us = self.rng.choice([None, self.grid(), self.grid(), self.rng.choice(instants)])
        return {"type": "time_set", "bib": self.a_bib(), "point": self.a_point(), "at_us": at_us, "reason": "r"}

    def an_exclusion(self):
        read = self.rng.choice(self.reads or [{"device": "A1", "chip": "T1", "at_us": self.start_us}])
        key = {name: read[name] for name in ("device", "chip", "at_us")}
        return {"type": "read_excluded", **key, "reason": "r"}

    def a_penalty(self):
        seconds = self.rng.choice([0, 10, 10, -10, 30.001, -0.5, 86400, -86400])
        return {"type": "penalty_set", "bib": self.a_bib(), "seconds": seconds, "reason": "r"}

    def a_waiver(self):
        race = self.rng.choice(self.definition["races"])
        names = [point["id"] for point in race["points"][1:-1]]
        point = self.rng.choice([*names * 3, "P1", "P9"])
        race_id = self.rng.choice([race["id"]] * 5 + ["unknown"])
        return {"type": "point_waived", "race": race_id, "point": point, **self.between(), "reason": "r"}

    def a_status(self):
        status = self.rng.choice(["DNS", "DNF", "DQ", "OK", "OK"])
        fact = {"type": "status_set", "bib": self.a_bib(), "status": status, "reason": "r"}
        if self.rng.random() < 0.4:
            instants = [read["at_us"] for read in self.reads] or [self.start_us]
            fact["at_us"] = self.rng.choice([self.grid(), self.rng.choice(instants)])
        return fact

    def an_order(self):
        rng = self.rng
        bibs = rng.sample(self.bibs, rng.randint(2, len(self.bibs)))
        if rng.random() < 0.1:
            bibs.append("99")
        return {"type": "order_set", "race": self.a_race_id(), "bibs": bibs, "reason": "r"}

    def a_decision(self):
        rng = self.rng
        names = [f"{kind}:{self.a_bib()}" for kind in CASES]
        if "together" in self.definition:
            names += [self.together, self.together, self.together.lower(), f"together:{self.a_bib()}:{self.a_bib()}"]
        boards = [board["id"] for board in self.definition["team_boards"]]
        if boards and self.teams:
            names += [f"team:{rng.choice(boards)}:{rng.choice(self.teams)}"] * 2
        outcome = rng.choice(["accept", "accept", "dnf", "dq"])
        return {"type": "case_decided", "case": rng.choice(names), "outcome": outcome, "reason": "r"}

    def a_closing(self):
        kind = self.rng.choice(["race_closed", "race_closed", "race_closed", "race_reopened"])
        fact = {"type": kind, "race": self.a_race_id()}
        if kind == "race_closed" and self.rng.random() < 0.7:
            instants = [read["at_us"] for read in self.reads] or [self.start_us]
            fact["at_us"] = self.rng.choice([self.grid(), *[self.rng.choice(instants) + self.off()] * 3])
        return fact

    def an_idle_fact(self):
        """A fact that changes no standing."""
        return self.rng.choice(
            [
                {"type": "protest_filed", "protest": "p", "race": self.a_race_id(), "text": "t", "bib": self.a_bib()},
                {"type": "protest_decided", "protest": "p", "outcome": "upheld", "reason": "r"},
                {"type": "results_published", "race": self.a_race_id(), "state": "provisional"},
                {"type": "entry_hidden", "bib": self.a_bib(), "hidden": True},
                {"type": "notice_received", "gateway": "g", "device": "A1", "kind": "gunshot"},
                {"type": "event_archived"},
                {"type": "event_reopened"},
            ]
        )


def duration(seconds):
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@st.composite
def logs(draw):
    """Hypothesis strategy of logs: that of a seed, with some of its facts left out."""
    log = log_of(draw(st.integers(0, 2**32 - 1)))
    kept = draw(st.lists(st.integers(0, 15), min_size=len(log), max_size=len(log)))
    return [fact for fact, roll in zip(log, kept, strict=True) if roll]
