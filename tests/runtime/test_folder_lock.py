"""One process a data folder, by the kernel's lock."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime import folder_lock
from services.runtime.faults import StartFault

_HOLD = """
import sys
from pathlib import Path
from services.runtime import folder_lock
lock = folder_lock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the folder `data`."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_holder_is_named_and_the_remedy(holder, tmp_path):
    with pytest.raises(StartFault, match=rf"{tmp_path / 'data'} is in use by process {holder.pid}; .*--data"):
        folder_lock.take(tmp_path / "data")
    with pytest.raises(StartFault, match=str(holder.pid)):  # asking has not taken the name away
        folder_lock.take(tmp_path / "data")


def test_it_goes_with_the_process_however_that_ends(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    folder_lock.take(tmp_path / "data").release()


def test_it_is_free_after_a_release_and_taken_once_in_a_process(tmp_path):
    first = folder_lock.take(tmp_path)
    with pytest.raises(StartFault, match=f"process {os.getpid()}"):
        folder_lock.take(tmp_path)
    first.release()
    folder_lock.take(tmp_path).release()


def test_children_do_not_inherit_it(tmp_path):
    lock = folder_lock.take(tmp_path)
    command = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, close_fds=False) as child:
        assert child.stdout.readline() == "up\n"
        lock.release()
        folder_lock.take(tmp_path).release()
        child.kill()


def test_a_longer_process_number_leaves_nothing_behind_in_the_name(tmp_path):
    (tmp_path / folder_lock.LOCK_NAME).write_text("99999999999\n")
    lock = folder_lock.take(tmp_path)
    assert (tmp_path / folder_lock.LOCK_NAME).read_text() == f"{os.getpid()}\n"
    lock.release()


@pytest.mark.parametrize("folder", ["/proc/none/data", "{file}", "{file}/data"])
def test_a_folder_that_cannot_be_written_is_reported(tmp_path, folder):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StartFault, match=r"cannot write to the data folder .*; choose another by --data"):
        folder_lock.take(Path(folder.format(file=tmp_path / "file")))
