"""Commands find a running `matline up` by its data folder."""

import os
import subprocess
import sys

import pytest

from services.operate.running_stack import client_environment, forget, note, running
from services.runtime.faults import StartFault

PORTS = {"MATLINE_KAFKA": "127.0.0.1:9192", "MATLINE_LIVE": "http://127.0.0.1:8790"}


def test_a_named_stack_gives_its_addresses_whatever_is_set(tmp_path):
    note(tmp_path, PORTS)
    found = client_environment({"MATLINE_KAFKA": "elsewhere:9092", "PATH": "/bin"}, tmp_path)
    assert found == {**PORTS, "PATH": "/bin"}


def test_the_stack_of_the_data_folder_gives_what_is_not_set(tmp_path):
    note(tmp_path, PORTS)
    own = {"MATLINE_DATA": str(tmp_path), "MATLINE_KAFKA": "elsewhere:9092"}
    assert client_environment(own, None) == {**own, "MATLINE_LIVE": PORTS["MATLINE_LIVE"]}


def test_without_a_running_stack_the_environment_stays_and_a_named_one_is_a_fault(tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    note(tmp_path, PORTS)
    stale = (tmp_path / "stack.json").read_text().replace(str(os.getpid()), ended.stdout.decode().strip())
    (tmp_path / "stack.json").write_text(stale)
    assert running(tmp_path) is None
    assert client_environment({"MATLINE_DATA": str(tmp_path)}, None) == {"MATLINE_DATA": str(tmp_path)}
    with pytest.raises(StartFault, match="no `matline up` is running on"):
        client_environment({}, tmp_path)
    forget(tmp_path)
    forget(tmp_path)
    assert running(tmp_path) is None


def test_rebuild_in_a_folder_without_data_is_a_fault_and_makes_none(tmp_path):
    command = [sys.executable, "-m", "services.cli", "rebuild", f"--data={tmp_path / 'other'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has no data of a stack; name the folder that `matline up` uses by --data" in done.stderr
    assert not (tmp_path / "other").exists()
