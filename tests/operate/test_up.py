"""`matline up` refused: what is in the way is said in a line, and nothing is started."""

import subprocess
import sys
from pathlib import Path

from services.demo.stack import free_port
from services.operate.up import Ports


def up(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    ports = [f"--{name}-port={free_port()}" for name in Ports.__struct_fields__]
    command = [sys.executable, "-m", "services.cli", "up", f"--data={data}", *ports, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


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
