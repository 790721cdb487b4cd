"""Tables of the figures in Markdown."""

import textwrap
from collections.abc import Iterable

from loadtest.bench.results import Figure, Results

WIDTH = 120  # of a line of text


def tables(results: Results) -> str:
    """Return the machine, and a section for each part with a table for each of its cases."""
    runs = max((len(figure.values) for figure in results.figures), default=0)
    blocks = [
        textwrap.fill(f"{results.began}. {results.machine.text()}.", WIDTH),
        f"Each cell is the median of up to {runs} runs, the least and the greatest in brackets."
        if runs > 1
        else "Each cell is of one run.",
    ]
    failed = [f"**{part} did not come to its end:** {reason}" for part, reason in results.failed.items()]
    blocks += [textwrap.fill(text, WIDTH) for text in failed]
    for part in results.parts():
        blocks.append(f"## {part}")
        figures = results.of(part)
        for case in dict.fromkeys(figure.case for figure in figures):
            blocks.append(_table(case, [figure for figure in figures if figure.case == case]))
    return "\n\n".join(blocks) + "\n"


def _table(case: str, figures: Iterable[Figure]) -> str:
    cells = {(figure.name, figure.measure): figure.text() for figure in figures}
    names = dict.fromkeys(name for name, _ in cells)
    measures = dict.fromkeys(measure for _, measure in cells)
    rows = [[case, *measures], ["---"] * (len(measures) + 1)]
    rows += [[name, *(cells.get((name, measure), "") for measure in measures)] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
