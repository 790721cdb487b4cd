"""What is done to a stack and when: drawn from a seed, and bounded so that its supervisor does not give up. Pure."""

from random import Random
from typing import Literal, get_args

from msgspec import Struct

from loadtest.dice import between, dice, one_of

Stack = Literal["embedded", "servers"]
"""Everything by `matline up`, or Kafka and ClickHouse as servers beside it."""

PARTS: dict[Stack, tuple[str, ...]] = {
    "embedded": ("ingest", "scoring", "projections", "kafka"),
    "servers": ("ingest", "scoring", "projections", "live", "kafka", "clickhouse"),
}
WITHOUT_BOUND = ("ingest", "scoring", "projections")  # on memory; Kafka and ClickHouse have one of their own
LINE = "line of senders"
KAFKA_LINE = "line of Kafka"
DISK = "disk"
WORKER = "scoring worker"
WRITER = "projections beside a second one"
DATABASE = "answers of ClickHouse"
SignalFault = Literal["kill", "term", "stop", "kill_all", "stop_all"]
LineFault = Literal["cut", "slow"]
DatabaseFault = Literal["away", "late", "lost answer", "error after"]
LimitFault = Literal["few files", "little memory"]
Kind = SignalFault | LineFault | DatabaseFault | LimitFault | Literal["full", "join", "poison"]
ENDING = ("kill", "term", "kill_all")
Poison = Literal["cut", "empty", "tombstone", "large", "unknown kind", "no key"]

QUIET_S = 4.0  # before the first fault and after the last one
EVERY_S = 6.0  # at most so often does something other than poison come
ROUND_S = 180.0
LASTS_MOST_S = 60
POISONS: tuple[tuple[str, Poison], ...] = (
    ("race-log", "cut"),
    ("race-log", "empty"),
    ("race-log", "tombstone"),
    ("race-log", "large"),
    ("race-log", "unknown kind"),
    ("race-log", "no key"),
    ("results", "cut"),
    ("results", "tombstone"),
    ("results", "large"),
    ("standings", "cut"),
    ("standings", "tombstone"),
)


class Fault(Struct, frozen=True, kw_only=True):
    """A fault of a part of the stack, of the line to it, or of a topic.

    It comes `at_s` after the start of the race and lasts `for_s`. Projections that are stopped beside second ones stay
    so for `for_s` after those have written.
    """

    at_s: float
    kind: Kind
    target: str
    for_s: float = 0.0
    poison: Poison | None = None

    @property
    def name(self) -> str:
        """What it is called in the table."""
        what = self.poison or {"kill_all": "kill", "stop_all": "stop"}.get(self.kind, self.kind)
        return f"{what} {self.target}"


def schedule(seed: int, seconds: float, stack: Stack = "embedded") -> list[Fault]:
    """Return the faults of a run, in order. They may overlap.

    In a round each part is killed or asked to end, and stopped, and everything else is disturbed, in an order that the
    seed draws; then all parts are ended or stopped at once. A short run has the first faults of a round, a long one
    a round every three minutes. One fault of a run may last up to a minute. Poison is spread over the whole run.
    """
    rng = dice("chaos", f"{stack} {seed}")
    rounds = max(1, int(seconds / ROUND_S))
    room = max(3, int((seconds - 2 * QUIET_S) / rounds / EVERY_S))
    both: tuple[Kind, ...] = ("kill_all", "stop_all")
    chosen: list[tuple[Kind, str]] = []
    for _ in range(rounds):
        single = _single(rng, stack)
        rng.shuffle(single)
        chosen += [*single[: room - 1], (one_of(rng, both), "all")]
    pause_s = (seconds - 2 * QUIET_S) / len(chosen)
    longest = one_of(rng, [number for number, (kind, _) in enumerate(chosen) if kind not in ENDING] or [0])
    faults = []
    for number, (kind, target) in enumerate(chosen):
        most_s = min(LASTS_MOST_S, int(seconds / (4 if number == longest else 12)))
        lasts_s = 0.0 if kind in ENDING else float(between(rng, 1, max(1, most_s)))
        faults.append(Fault(at_s=QUIET_S + number * pause_s, kind=kind, target=target, for_s=lasts_s))
    for topic, poison in POISONS:
        at_s = QUIET_S + rng.random() * (seconds - 2 * QUIET_S)
        faults.append(Fault(at_s=at_s, kind="poison", target=topic, poison=poison))
    return sorted(faults, key=lambda fault: fault.at_s)


def _single(rng: Random, stack: Stack) -> list[tuple[Kind, str]]:
    """Return the faults of single parts and lines that a long run has all of."""
    single: list[tuple[Kind, str]] = [(one_of(rng, ("kill", "term")), part) for part in PARTS[stack]]
    single += [("stop", part) for part in PARTS[stack]]
    single += [("few files", one_of(rng, PARTS[stack])), ("little memory", one_of(rng, WITHOUT_BOUND))]
    single += [("cut", LINE), ("slow", LINE), ("join", WORKER), ("join", WORKER)]
    if stack == "embedded":
        return [*single, ("full", DISK)]
    single += [("cut", KAFKA_LINE), ("slow", KAFKA_LINE), ("kill", WRITER), ("stop", WRITER)]
    return [*single, *((kind, DATABASE) for kind in get_args(DatabaseFault))]
