"""`matline up` refused: what is in the way is said in a line, and nothing is started."""

import subprocess
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

import pytest

from services.demo.stack import free_port
from services.operate.up import Ports, say_as_json, say_in_colour


def up(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    ports = [f"--{name}-port={free_port()}" for name in Ports.__struct_fields__]
    command = [sys.executable, "-m", "services.cli", "up", f"--data={data}", *ports, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_given_kafka_that_does_not_answer_is_reported_in_a_line(tmp_path):
    nobody = f"127.0.0.1:{free_port()}"
    said = up(tmp_path, f"--kafka={nobody}")
    assert said.returncode == 1
    assert f"Kafka at {nobody} does not answer; start it, or give its address, HOST:PORT, by --kafka" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr


def test_an_unusable_data_folder_is_reported_in_a_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = up(tmp_path / "file")
    assert said.returncode == 1
    assert "cannot write to the data folder" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr


@pytest.mark.parametrize("say", [say_in_colour, say_as_json])
def test_lines_that_cannot_be_written_to_a_full_disk_end_nothing(say):
    full = Path("/dev/full").open("w")  # noqa: SIM115  # closing it fails, too
    with redirect_stdout(full):
        for _ in range(10_000):
            say("ingest", "a line of a service")
    with suppress(OSError):
        full.close()
