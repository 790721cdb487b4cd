"""Preparing an embedded Kafka: a new enough Java, free space, settings that Kafka reads as written."""

import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from services.operate.embedded_kafka.node import (
    JAVA_LEAST,
    check_again,
    check_room,
    cluster_id,
    find_java,
    prepare,
    property_value,
)
from services.runtime.faults import StartFault

AWKWARD = "Đà Nẵng 2026 \\ #=:!😀"  # characters that a properties file or a Java in the C locale would change


@pytest.fixture
def path(tmp_path: Path, monkeypatch) -> Path:
    """The only folder in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def fake_java(folder: Path, script: str) -> str:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    return str(java)


def says(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2026-01-01' >&2"


@pytest.mark.parametrize("version", ["17.0.15", "17", "25-ea", "21.0.2"])
def test_a_java_that_is_new_enough_is_taken(path, version):
    java = fake_java(path, says(version))
    assert find_java() == java


@pytest.mark.parametrize(
    "script",
    [says("11.0.2"), says("1.8.0_392"), says("16"), "echo 'no version here' >&2", "exit 1", "kill -9 $$"],
    ids=["11", "8", "16", "no version", "fails", "dies"],
)
def test_a_java_that_is_too_old_or_none_gives_way_to_the_wheels(path, script):
    old = fake_java(path, script)
    java = find_java()
    assert java != old
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    assert int(said.split('"')[1].split(".")[0]) >= JAVA_LEAST


def test_a_java_that_hangs_is_not_waited_for(path):
    hanging = fake_java(path, "exec /bin/sleep 600")
    assert find_java(timeout_s=0.2) != hanging


def test_no_java_on_the_path_is_the_wheels(path):
    assert Path(find_java()).is_file()


def test_a_nearly_full_disk_is_reported_with_its_free_space_and_the_remedy(tmp_path):
    check_room(tmp_path)
    with pytest.raises(StartFault) as fault:
        check_room(tmp_path, min_free_bytes=1 << 60)
    assert f"the disk of {tmp_path} has {shutil.disk_usage(tmp_path).free // 2**30}"[:-3] in str(fault.value)
    assert f"needs at least {2**40} MiB" in str(fault.value)
    assert "by --data" in str(fault.value)


def test_a_log_that_is_gone_is_reported_with_its_folder_and_what_to_do_until_it_is_back(tmp_path):
    log = tmp_path / "log"
    for make in (lambda: None, log.mkdir):
        make()
        with pytest.raises(StartFault) as fault:
            check_again(tmp_path)
        assert f"{log} is gone or empty, and the race log was in it" in str(fault.value)
        assert "`matline import`" in str(fault.value)
    (log / "meta.properties").touch()
    check_again(tmp_path)


def test_a_cluster_id_never_begins_as_an_option_does():
    dashed = uuid.UUID(bytes=b"\xf8" + bytes(15))
    assert cluster_id(dashed) == "A" + 21 * "A"
    ids = {cluster_id(uuid.UUID(int=number << 120)) for number in range(256)}
    assert len(ids) >= 252
    assert all(len(id_) == 22 and id_[0] != "-" for id_ in ids)


def test_a_property_is_latin_1_with_escapes():
    assert property_value("/data/kafka-1_x") == "/data/kafka-1_x"
    assert property_value(" a\\b\tĐ😀") == "\\u0020a\\\\b\\u0009\\u0110\\ud83d\\ude00"


def test_a_folder_is_formatted_once_whatever_letters_its_name_has(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / AWKWARD / "kafka"
    node = prepare(folder, 19092, 19093, print)
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("meta.properties")] == [
        Path(AWKWARD, "kafka", "log", "meta.properties")
    ]
    assert node.servers == "127.0.0.1:19092"
    assert node.environment["LC_ALL"] == "C.UTF-8"
    meta = (folder / "log" / "meta.properties").read_bytes()

    again = prepare(folder, 29092, 29093, print)
    assert (folder / "log" / "meta.properties").read_bytes() == meta
    assert again.servers == "127.0.0.1:29092"
    assert "listeners=PLAINTEXT://127.0.0.1:29092," in (folder / "server.properties").read_text()


def test_a_folder_with_a_comma_is_refused_before_kafka_makes_two_of_it(tmp_path):
    with pytest.raises(StartFault, match="comma"):
        prepare(tmp_path / "a,b", 19092, 19093, print)
    assert list(tmp_path.iterdir()) == []


def test_what_the_format_tool_says_is_passed_on(tmp_path):
    (tmp_path / "log").write_text("in the way")
    with pytest.raises(StartFault, match=rf"Kafka cannot format its folder {tmp_path}: .*log"):
        prepare(tmp_path, 19092, 19093, print)


def test_a_format_that_hangs_is_given_up(tmp_path, path):
    fake_java(path, f"case $1 in -version) {says('17')};; *) exec /bin/sleep 600;; esac")
    with pytest.raises(StartFault, match="timed out"):
        prepare(tmp_path / "kafka", 19092, 19093, print, timeout_s=0.3)
