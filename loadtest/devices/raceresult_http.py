"""A simulated RACE RESULT decoder or Track Box that posts its passings, one a line, of active transponders."""

from collections.abc import Sequence

from loadtest.devices.posting import PostingReader
from loadtest.devices.simulated import INGEST_PORT, Sighted, SimulatedProtocol, Site


def _posted(seen: Sequence[Sighted], name: str) -> bytes:
    lines = (
        f"{number};;{sighted.local:%Y-%m-%d};{sighted.local.time().isoformat('milliseconds')};;3;95;0;"
        f"{sighted.read.chip};;1;1;{sighted.place};12;21;2.91;20;64;"
        for number, sighted in enumerate(seen, start=1)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _make(site: Site) -> PostingReader:
    return PostingReader(site, "raceresult", _posted)


SIMULATED = SimulatedProtocol(name="raceresult_http", port=INGEST_PORT, make=_make, posts=True)
