"""A short run of `make fuzz`, and what long runs rely on: equal seeds make equal bytes, and checks find faults."""

from random import Random

import pytest

from services.ingest.decoders import ipico, mylaps_frames
from tests.fuzz.lives import CALLS_A_BYTE, CALLS_LEAST, Found, Limits, live
from tests.fuzz.mutate import mutated, portions
from tests.fuzz.targets import TARGETS, Target

SEED = 20260104
INPUTS = 3_000
FEWER = {"entries_xlsx": 200}  # a workbook takes some hundredths of a second

every_target = pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])


@every_target
def test_damaged_bytes_do_no_harm(target: Target):
    inputs = FEWER.get(target.name, INPUTS)
    for lived in live(target, SEED, inputs):
        last = lived
    assert last.inputs >= inputs


@every_target
def test_an_equal_seed_makes_equal_bytes_and_cuts_lose_none(target: Target):
    made = []
    for _ in range(2):
        dice = Random(7)
        inputs = [mutated(dice, target.vectors, target.tokens) for _ in range(200)]
        cut = [portions(dice, data) for data in inputs]
        assert [b"".join(parts) for parts in cut] == inputs
        made.append((inputs, cut))
    assert made[0] == made[1]
    assert len({*made[0][0]}) > 100


def of(name: str) -> Target:
    return next(target for target in TARGETS if target.name == name)


@pytest.mark.parametrize("name", ["mylaps", "ipico"])
def test_a_decoder_that_takes_wrong_checksums_is_found(name, monkeypatch):
    monkeypatch.setattr(mylaps_frames, "checksum_v1", lambda record: record[37:].decode())
    monkeypatch.setattr(ipico, "_check_sum", lambda text, given: None)
    with pytest.raises(Found, match="--seed 1 --from"):
        for _ in live(of(name), 1, 20_000):
            pass


def test_a_decoder_that_keeps_too_much_is_found(monkeypatch):
    monkeypatch.setattr(mylaps_frames.Decoder, "feed", lambda self, data: self._rest.extend(data * 20_000) or [])
    with pytest.raises(Found, match="AssertionError"):
        for _ in live(of("mylaps"), 1, 20_000):
            pass


def test_a_decoder_that_does_too_much_is_found(monkeypatch):
    def feed(self, data):
        for _ in range(CALLS_LEAST + CALLS_A_BYTE * 1_000):
            len(data)
        return []

    monkeypatch.setattr(mylaps_frames.Decoder, "feed", feed)
    with pytest.raises(Found, match="AssertionError"):
        for _ in live(of("mylaps"), 1, 100, limits=Limits(measured_every=2)):
            pass


def test_a_decoder_that_never_returns_is_found(monkeypatch):
    def feed(self, data):
        while True:
            pass

    monkeypatch.setattr(mylaps_frames.Decoder, "feed", feed)
    with pytest.raises(Found, match="Endless"):
        next(live(of("mylaps"), 1, 1, limits=Limits(cpu_s=0.05)))
