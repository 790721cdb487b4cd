"""The figures of several runs: what is kept, what tables show, and what the page in the documentation is made of."""

from pathlib import Path

import msgspec
import pytest

from loadtest.bench.comparison import Comparison
from loadtest.bench.machine import Machine, file_system, this_machine
from loadtest.bench.page import FIGURES, PAGE, page
from loadtest.bench.results import Results, figures_of, short
from loadtest.bench.tables import tables

MACHINE = Machine(
    processor="Example", cores=2, memory_gib=24.0, kernel="6.1", file_system="xfs", python="3.11.7", load=0.25
)


def results() -> Results:
    runs = [[Comparison(name="attack", loaded_s=loaded_s, control_s=0.01)] for loaded_s in (0.02, 0.05, 0.03)]
    return Results(machine=MACHINE, began="2026-01-04", figures=figures_of("attacks", runs), failed={"boards": "no"})


def test_a_figure_keeps_the_value_of_each_run_and_shows_its_median_and_range():
    waited, control = results().figures
    assert waited.values == [20.0, 50.0, 30.0]
    assert waited.text() == "30 (20–50)"
    assert control.median == 10.0


def test_a_figure_of_one_run_has_no_range():
    only = figures_of("attacks", [[Comparison(name="attack", loaded_s=0.0204, control_s=0.01)]])
    assert [figure.text() for figure in only] == ["20.4", "10"]


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.03391, "0.0339"), (99.96, "100"), (278_912.4, "278,912")])
def test_a_figure_is_shown_with_the_digits_that_count(value, text):
    assert short(value) == text


def test_tables_name_the_machine_its_load_and_what_failed_and_put_those_compared_below_each_other():
    text = tables(results())
    assert "Example, 2 cores, 24 GiB, Linux 6.1, files on xfs, Python 3.11.7; load 0.2 when" in text.replace("\n", " ")
    assert "**boards did not come to its end:** no" in text
    assert "| under load | p99, ms | p99 of the control, ms |\n| --- | --- | --- |\n| attack | 30 (20–50) | 10" in text


def test_a_file_system_is_that_of_the_closest_mount_and_ext4_has_a_journal_only_if_its_device_writes_one(tmp_path):
    (tmp_path / "fs/jbd2/vda1-8").mkdir(parents=True)
    mounts = ("/dev/vda / ext4 rw 0 0", "/dev/vda1 /a ext4 rw 0 0", "tmpfs /a/b tmpfs rw 0 0")
    (tmp_path / "mounts").write_text("\n".join(mounts))
    folders = {name: Path(name) for name in ("/ab", "/a/x", "/a/b/c")}
    kinds = {name: file_system(folder, tmp_path) for name, folder in folders.items()}
    assert kinds == {"/ab": "ext4 without a journal", "/a/x": "ext4 with a journal", "/a/b/c": "tmpfs"}


def test_this_machine_can_be_described():
    assert this_machine().memory_gib > 0.1


def test_the_page_of_figures_is_made_of_the_figures_in_the_repository():
    figures = msgspec.json.decode(FIGURES.read_bytes(), type=Results)
    assert PAGE.read_text() == page(figures), "write it anew by `python -m loadtest.bench.page docs/plots/figures.json`"
    assert {file.stem for file in FIGURES.parent.glob("*.svg")} == set(figures.parts())
