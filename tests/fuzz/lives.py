"""One life after another: random inputs into a target, some of them measured; a failure is reported with its seed.

A life is identified by its target, its seed and its number, and is the same each time.
"""

import logging
import signal
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any, NamedTuple

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target

INPUTS_A_LIFE = (1, 1, 2, 4, 10, 30)
MEMORY_LEAST_BYTES = 24 * 1024 * 1024
MEMORY_A_BYTE = 200  # that came in a life; a read of 20 bytes is a dozen Python objects
CALLS_LEAST = 60_000
CALLS_A_BYTE = 60  # of functions, ours and the interpreter's own, with all that is checked here


class Limits(NamedTuple):
    """What a life may take, and how often that is measured."""

    cpu_s: float = 30.0  # of this process in one life, however busy the machine: a life takes milliseconds
    measured_every: int = 300  # lives: the memory of one is measured, the calls of another are counted


LIMITS = Limits()


class Found(Exception):
    """A life in which something that must hold did not."""


class Endless(BaseException):
    """A life takes too long; not an Exception, so that no handler catches it."""


class Lived:
    """How far a target has come."""

    def __init__(self, number: int) -> None:
        self.inputs = 0
        self.bytes = 0
        self.number = number  # of the next life
        self.longest_s = 0.0
        self.longest = number


def live(target: Target, seed: int, inputs: int, first: int = 0, limits: Limits = LIMITS) -> Iterator[Lived]:
    """Live from life `first` on until so many inputs are through; yields after each life. Raises Found."""
    lived = Lived(first)
    with _bounded(limits.cpu_s), _quiet():
        while lived.inputs < inputs:
            began_s = time.process_time()
            _one(target, seed, lived, limits)
            took_s = time.process_time() - began_s
            if took_s > lived.longest_s:
                lived.longest_s, lived.longest = took_s, lived.number
            lived.number += 1
            yield lived


def _one(target: Target, seed: int, lived: Lived, limits: Limits) -> None:
    dice = Random(f"{target.name} {seed} {lived.number}")
    data = b""
    came = 0
    signal.setitimer(signal.ITIMER_VIRTUAL, limits.cpu_s)
    try:
        take = target.begin(dice)
        with _measured(lived.number, limits.measured_every) as measured:
            for _ in range(dice.choice(INPUTS_A_LIFE)):
                data = mutated(dice, target.vectors, target.tokens)
                if target.mended is not None and dice.random() < 0.5:
                    data = target.mended(data)
                came += len(data)
                lived.inputs += 1
                if not take(data, dice):
                    break
        measured.check(came)
    except (Exception, Endless) as error:
        raise Found(
            f"{target.name}: {type(error).__name__}: {str(error)[:500]}\n"
            f"repeat it by: python -m tests.fuzz {target.name} --seed {seed} --from {lived.number} --inputs 1\n"
            f"its last input, {len(data)} bytes: {data[:2000]!r}"
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        lived.bytes += came


class _Measured:
    def __init__(self) -> None:
        self.peak_bytes = 0
        self.calls = 0

    def check(self, came: int) -> None:
        assert self.peak_bytes <= MEMORY_LEAST_BYTES + MEMORY_A_BYTE * came, (self.peak_bytes, came)
        assert self.calls <= CALLS_LEAST + CALLS_A_BYTE * came, (self.calls, came)


@contextmanager
def _measured(number: int, every: int) -> Iterator[_Measured]:
    """Measure the memory of one life in `every`, and count the calls of another; measuring all would be slow."""
    measured = _Measured()
    if number % every == 0:
        tracemalloc.start()
        try:
            yield measured
            measured.peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    elif number % every == every // 2:

        def count(frame: FrameType, event: str, argument: Any) -> None:
            measured.calls += 1

        sys.setprofile(count)
        try:
            yield measured
        finally:
            sys.setprofile(None)
    else:
        yield measured


@contextmanager
def _bounded(cpu_s: float) -> Iterator[None]:
    """Have the kernel interrupt a life that takes too long, whatever it does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Endless(f"more than {cpu_s:g} s of the processor in one life")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Readers' notices are logged; here they would be millions."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
