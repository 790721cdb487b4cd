"""Commands find a running `matline up` by its data folder."""

import os
import subprocess
import sys
from collections.abc import Iterator

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


@pytest.fixture
def plain_user() -> Iterator[None]:
    """Be a user to whom the modes of files apply."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    yield
    os.seteuid(own)


def test_a_note_that_this_user_may_not_read_is_no_stack(tmp_path, request):
    note(tmp_path, PORTS)
    (tmp_path / "stack.json").chmod(0)
    request.getfixturevalue("plain_user")
    assert running(tmp_path) is None


def test_a_stack_of_another_user_is_found(tmp_path):
    note(tmp_path, PORTS)
    first = (tmp_path / "stack.json").read_text().replace(str(os.getpid()), "1")  # of root
    (tmp_path / "stack.json").write_text(first)
    stack = running(tmp_path)
    assert stack is not None
    assert stack.variables == PORTS


def test_rebuild_in_a_folder_without_data_is_a_fault_and_makes_none(tmp_path):
    command = [sys.executable, "-m", "services.cli", "rebuild", f"--data={tmp_path / 'other'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has no data of a stack; name the folder that `matline up` uses by --data" in done.stderr
    assert not (tmp_path / "other").exists()
