"""What integration tests share: a stack as `matline up` runs it, and an MQTT broker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.demo.stack import Stack, free_port, fresh_folder
from services.operate.up import Ports
from tests.integration.mosquitto import Mosquitto


def ports() -> Ports:
    """Return ports that are free."""
    return Ports(**{name: free_port() for name in Ports.__struct_fields__})


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """Yield a stack that is not started yet; stop it after the test in any case."""
    made = Stack(fresh_folder(tmp_path / "data"), ports(), print)
    yield made
    await made.stop()


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "broker") as broker:
        yield broker
