"""The boards as SQL, for the databases."""

COLUMNS = "bib, gender, birth_year, age_group, chip_us"
PLACES = """SELECT bib,
    rank() OVER (ORDER BY chip_us) AS overall,
    rank() OVER (PARTITION BY gender ORDER BY chip_us) AS of_gender,
    rank() OVER (PARTITION BY gender, age_group ORDER BY chip_us) AS of_age_group
FROM finishers"""


def check(places: str) -> str:
    """Return the query of the check, from that of the places."""
    return f"SELECT sum(bib * (overall + of_gender + of_age_group)) FROM ({places})"
