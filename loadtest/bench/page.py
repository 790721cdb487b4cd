"""`python -m loadtest.bench.page RESULTS`: write the figures of a run into the documentation.

They are committed as they were measured, and the page and its plots are made of them.
"""

import subprocess
import sys
from pathlib import Path

import msgspec

from loadtest.bench.alternative import ENVIRONMENT
from loadtest.bench.results import Results
from loadtest.bench.tables import tables

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = DOCS / "plots/figures.json"
PAGE = DOCS / "speed-figures.md"

HEAD = """# Figures of speed

Made of one run of `make bench` by `python -m loadtest.bench.page`; [speed.md](speed.md) says what is measured and how.

"""


def page(results: Results) -> str:
    """Return the page, with the plot of each part below its tables."""
    text = HEAD + tables(results)
    for part in results.parts():
        text = text.replace(f"## {part}\n", f"## {part}\n\n![{part}](plots/{part}.svg)\n", 1)
    return text


def main(results_file: str) -> None:
    """Write figures, page and plots."""
    results = msgspec.json.decode(Path(results_file).read_bytes(), type=Results)
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    PAGE.write_text(page(results))
    subprocess.run([ENVIRONMENT, "-m", "loadtest.bench.plots", str(FIGURES), str(FIGURES.parent)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
