"""The cursor file: what was saved is loaded, in the order in which it moved; what cannot be read is kept beside."""

from pathlib import Path

from services.ingest.decoders.messages import Position
from services.ingest.readers.cursor import CURSOR_NAME, LOGS_MAX, CursorFile, moved


def test_what_is_saved_is_loaded_in_its_order(tmp_path: Path):
    cursor = {"b": Position("3#1", 7, "x"), "a": Position("1", 2)}
    CursorFile(tmp_path).save(cursor)
    loaded = CursorFile(tmp_path).load()
    assert loaded == cursor
    assert list(loaded) == ["b", "a"]


def test_without_a_file_there_is_no_position(tmp_path: Path):
    assert CursorFile(tmp_path).load() == {}


def test_a_damaged_file_is_kept_beside_and_all_is_asked_for_again(tmp_path: Path):
    CursorFile(tmp_path).save({"a": Position("1", 2)})
    data = (tmp_path / CURSOR_NAME).read_bytes()
    for cut in range(len(data)):
        (tmp_path / CURSOR_NAME).write_bytes(data[:cut])
        assert CursorFile(tmp_path).load() == {}
        assert (tmp_path / "cursor.damaged").read_bytes() == data[:cut]
        assert not (tmp_path / CURSOR_NAME).exists()


def test_a_file_of_another_version_is_not_guessed_at(tmp_path: Path):
    (tmp_path / CURSOR_NAME).write_text('{"v":99,"rows":[]}')
    assert CursorFile(tmp_path).load() == {}


def test_the_log_that_moves_comes_last_and_the_oldest_is_forgotten():
    cursor: dict[str, Position] = {}
    for number in range(LOGS_MAX):
        moved(cursor, f"log {number}", Position("1", 1))
    moved(cursor, "log 0", Position("1", 2))
    moved(cursor, "another", Position("1", 1))
    assert len(cursor) == LOGS_MAX
    assert list(cursor)[-2:] == ["log 0", "another"]
    assert "log 1" not in cursor
