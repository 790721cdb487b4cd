"""The sample entry lists: they can be reproduced, ingest accepts them, and the race office has no concerns."""

import gzip
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import races
from loadtest.entry_list import entries_csv
from loadtest.field import FieldLimits
from loadtest.simulation import entry_list
from schemas.definition_parse import definition_from_toml
from schemas.events import Entry
from services.entry_lists.entry_list import Conventions, conventions_for
from services.entry_lists.reading import read_entry_list
from services.standings.office.eligibility import attestations, eligibility

FOLDER = Path(races.__file__).parent / "samples"
MADE = {
    "tien-phong-2024": (2_000, 1),
    "hanoi-half-2024": (3_000, 3),
    "vnexpress-hcmc-midnight-2024": (11_000, 1),
    "vnexpress-nha-trang-2023": (11_000, 1),
}
"""Size and seed of each, as the folder's README has them."""


def file_of(name: str) -> Path:
    plain = FOLDER / f"{name}-simulated-entries.csv"
    return plain if plain.exists() else plain.with_suffix(".csv.gz")


@cache
def sample(name: str) -> bytes:
    data = file_of(name).read_bytes()
    return gzip.decompress(data) if file_of(name).suffix == ".gz" else data


@cache
def loaded(name: str):
    return definition_from_toml(races.definition_toml(name))


@cache
def taken(name: str) -> list[Entry]:
    listing = read_entry_list(sample(name), conventions_for(loaded(name)))
    assert listing.rejected == listing.warnings == []
    return listing.entries()


def test_every_race_has_one_and_none_is_large():
    assert sorted(MADE) == races.names()
    assert {file_of(name) for name in MADE} == {path for path in FOLDER.iterdir() if path.name != "README.md"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000


@pytest.mark.parametrize("name", MADE)
def test_a_list_generated_again_is_the_same_to_the_byte(name):
    """If it fails, generate the lists again as the folder's README says."""
    size, seed = MADE[name]
    assert entries_csv(entry_list(loaded(name), size, seed)) == sample(name)


def test_the_readme_says_how_each_is_made():
    text = (FOLDER / "README.md").read_text()
    for name, (size, seed) in MADE.items():
        assert f"| `{file_of(name).name}` | {size:,} | `{name} --size {size} --seed {seed}` |" in text


@pytest.mark.parametrize("name", MADE)
def test_ingest_takes_every_line_and_reads_what_was_written(name):
    size, seed = MADE[name]
    assert taken(name) == entry_list(loaded(name), size, seed)
    assert len({entry.bib for entry in taken(name)}) == len(taken(name)) <= size


@pytest.mark.parametrize("name", MADE)
def test_the_race_office_has_little_but_consents_to_collect(name):
    concerns = eligibility(loaded(name), taken(name))
    chipless = [
        concern.race for concern in concerns if concern.kind == "no_chip"
    ]  # officials set the times of families
    assert chipless == (["family"] if name == "hanoi-half-2024" else [])
    assert {concern.kind for concern in concerns} - {"no_chip"} == {"consent"}
    assert 0.01 < len(concerns) / len(taken(name)) < 0.12


def test_the_mass_system_and_the_advanced_declare_what_they_are_and_are_not():
    forms = {form.row: len(form.bibs) for form in attestations(loaded("tien-phong-2024"), taken("tien-phong-2024"))}
    divisions = Counter(entry.division or "" for entry in taken("tien-phong-2024"))
    mass = divisions["mass"]
    assert forms == {
        "eligibility advanced-member": sum(number for name, number in divisions.items() if "advanced" in name),
        "eligibility mass-no-team": mass,
        "eligibility mass-no-title": mass,
        "eligibility mass-no-national-team": mass,
    }


def test_the_fields_are_as_large_and_as_foreign_as_the_races():
    foreign = Counter(e.nationality for e in taken("vnexpress-hcmc-midnight-2024") if e.nationality != "VIE")
    assert 400 <= sum(foreign.values()) <= 600
    assert foreign.most_common(1)[0][0] == "JPN"
    assert len(foreign) >= 10
    hanoi = taken("hanoi-half-2024")
    clubs = Counter((entry.race, entry.gender, entry.team) for entry in hanoi if entry.club)
    assert set(clubs.values()) == {5}
    families = Counter(entry.team for entry in hanoi if entry.race == "family")
    assert set(families.values()) == {2}
    assert {entry.wave for entry in hanoi if entry.race == "21k"} == {"A", "B", "C", "D"}
    assert sum(not entry.ranked for entry in hanoi if entry.race == "walk") > 50


def test_the_columns_come_back_as_they_were_whatever_is_in_them():
    odd = Entry(
        bib="7",
        chips=["C1", "C2"],
        race="hm",
        gender="X",
        given_name='An "Bình"',
        family_name="",
        birth_year=1990,
        nationality="VIE",
        division="a, b; c",
        club="Line break",
        team="Đội 1",
        wave="A",
        personal_best_s=5400.25,
        ranked=False,
    )
    bare = Entry(bib="8", chips=[], race="hm", gender="F", given_name="", family_name="Lê")
    listing = read_entry_list(entries_csv([odd, bare]), Conventions())
    assert (listing.entries(), listing.rejected) == ([odd, bare], [])


def test_a_name_is_drawn_again_where_somebody_of_that_age_has_it():
    """And no more than so many times: a field may have more people than there are names."""
    hanoi = loaded("hanoi-half-2024")
    once = entry_list(hanoi, 3_000, 3, limits=FieldLimits(name_tries=0))
    assert "double" in {concern.kind for concern in eligibility(hanoi, once)}
    assert [entry.bib for entry in once] == [entry.bib for entry in taken("hanoi-half-2024")]
