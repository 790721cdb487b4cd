"""Scoring's settings."""

from pathlib import Path

import pytest

from services.runtime.faults import StartFault
from services.scoring.settings import settings_from


def test_settings_have_defaults_and_a_fixed_name() -> None:
    made = settings_from({})
    assert (made.host, made.port, made.partitions) == ("127.0.0.1", 8702, 4)
    assert made.worker == settings_from({}).worker != ""


def test_snapshots_lie_in_the_data_folder() -> None:
    assert settings_from({"MATLINE_DATA": "/srv/race"}).snapshots == Path("/srv/race/snapshots")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MATLINE_WORKER", "a/b"),
        ("MATLINE_WORKER", "x" * 201),
        ("MATLINE_SCORING_PORT", "http"),
        ("MATLINE_SNAPSHOT_S", "-1"),
    ],
)
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(StartFault, match=name):
        settings_from({name: value})
