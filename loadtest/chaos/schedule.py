"""What is done to a stack and when: drawn from a seed, and bounded so that its supervisor does not give up. Pure."""

from typing import Literal

from msgspec import Struct

from loadtest.dice import between, dice, one_of

PARTS = ("ingest", "scoring", "projections", "kafka")
LINE = "line of senders"
Kind = Literal["kill", "term", "stop", "kill_all", "stop_all", "cut", "slow", "poison"]
LASTING = ("stop", "stop_all", "cut", "slow")
Poison = Literal["cut", "empty", "tombstone", "large", "unknown kind", "no key"]

QUIET_S = 4.0  # before the first fault and after the last one
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

    It comes `at_s` after the start of the race and lasts `for_s`.
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


def schedule(seed: int, seconds: float) -> list[Fault]:
    """Return the faults of a run, in order.

    Each part is killed or asked to end, and stopped, in an order that the seed draws, and the line of senders is cut
    and slow; then all parts are ended or stopped at once. No part
    ends more than three times, half of what its supervisor bears. Poison is spread over the whole run.
    """
    rng = dice("chaos", str(seed))
    longest_s = max(1, int(seconds / 12))
    single: list[tuple[Kind, str]] = [(one_of(rng, ("kill", "term")), part) for part in PARTS]
    single += [("stop", part) for part in PARTS]
    single += [("cut", LINE), ("slow", LINE)]
    rng.shuffle(single)
    room = max(3, int((seconds - 2 * QUIET_S) / 8))
    both: tuple[Kind, ...] = ("kill_all", "stop_all")
    chosen = [*single[: room - 1], (one_of(rng, both), "all")]
    pause_s = (seconds - 2 * QUIET_S) / len(chosen)
    faults = [
        Fault(
            at_s=QUIET_S + number * pause_s,
            kind=kind,
            target=target,
            for_s=float(between(rng, 1, longest_s)) if kind in LASTING else 0.0,
        )
        for number, (kind, target) in enumerate(chosen)
    ]
    for topic, poison in POISONS:
        at_s = QUIET_S + rng.random() * (seconds - 2 * QUIET_S)
        faults.append(Fault(at_s=at_s, kind="poison", target=topic, poison=poison))
    return sorted(faults, key=lambda fault: fault.at_s)
