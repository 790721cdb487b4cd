"""A file taken up again when it has changed."""

import os
from pathlib import Path

import pytest

from services.runtime.faults import StartFault
from services.runtime.watched_file import WatchedFile


def number(data: bytes | None) -> int:
    try:
        return 0 if data is None else int(data)
    except ValueError:
        raise StartFault("it is no number\nmend it") from None


def watched(path: Path) -> WatchedFile[int]:
    return WatchedFile(path, number)


def test_a_changed_file_is_read_once(tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    file = watched(path)
    assert (file.content, file.changed()) == (1, False)
    path.write_text("22")
    assert (file.changed(), file.content, file.changed()) == (True, 22, False)


def test_a_file_put_in_place_of_another_of_the_same_size_and_time_is_another(tmp_path):
    path, fresh = tmp_path / "file", tmp_path / "fresh"
    path.write_text("1")
    file = watched(path)
    fresh.write_text("2")
    os.utime(fresh, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    fresh.replace(path)
    assert (file.changed(), file.content) == (True, 2)


def test_a_faulty_new_file_is_reported_and_the_old_content_kept_until_it_is_corrected(tmp_path, caplog):
    path = tmp_path / "file"
    path.write_text("1")
    file = watched(path)
    path.write_text("one")
    assert (file.changed(), file.content) == (False, 1)
    assert file.fault == f"{path}: it is no number\n{path}: mend it"
    assert file.fault in caplog.text
    caplog.clear()
    assert not file.changed()
    assert caplog.text == ""
    path.write_text("3")
    assert [file.changed(), file.content, file.fault] == [True, 3, None]


def test_a_file_that_comes_and_goes(tmp_path):
    path = tmp_path / "file"
    file = watched(path)
    assert (file.content, file.changed()) == (0, False)
    path.write_text("5")
    assert (file.changed(), file.content) == (True, 5)
    path.unlink()
    assert (file.changed(), file.content) == (True, 0)


def test_a_faulty_file_at_the_start_is_a_fault_that_names_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    with pytest.raises(StartFault, match=f"{path}: it is no number"):
        watched(path)
    with pytest.raises(StartFault, match="cannot be read"):
        watched(tmp_path)
