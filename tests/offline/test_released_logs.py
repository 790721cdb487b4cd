"""Logs of each release are scored to the same bytes by every later one.

A log has a simulated race of 40 and officials' facts of the kinds that its release knew. The hash of its result was
made by that release. Until a release is out its log may be written again, afterwards never. A release adds a log, and
takes none away.
"""

import gzip
from hashlib import sha256

import msgspec
import pytest

from services.offline.scored_log import score_lines
from tests import DATA

FOLDER = DATA / "released_logs"
RESULTS = {
    "0.1.0": "eaae9f84f2921acf355ff4563e81f39b38644d948266d4a786cc44461577ca17",
    "0.2.0": "3896c9b01bfe513dd4a525d74c6ebc8a255586f2a491962a6a035f41178c9753",
}
"""The SHA-256 of what `matline score --format json` printed, by release. 0.2.0 is not out yet."""
LOGS = {"0.1.0": "c7cb208932c8c1bf498bb897a54017a7a0651b65c57fa2061b7f0901829fe1d7"}
"""The SHA-256 of the logs of releases that are out."""


@pytest.mark.parametrize("release", RESULTS)
def test_a_log_of_an_earlier_release_is_scored_to_the_same_bytes(release):
    log = gzip.decompress((FOLDER / f"{release}.jsonl.gz").read_bytes())
    printed = msgspec.json.encode(score_lines(log.splitlines())) + b"\n"
    assert sha256(printed).hexdigest() == RESULTS[release]


def test_each_log_is_looked_at_and_those_of_releases_stay_as_they_are():
    assert {path.name.removesuffix(".jsonl.gz") for path in FOLDER.iterdir()} == RESULTS.keys()
    for release, expected in LOGS.items():
        log = gzip.decompress((FOLDER / f"{release}.jsonl.gz").read_bytes())
        assert sha256(log).hexdigest() == expected
