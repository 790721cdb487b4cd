"""`python -m loadtest.bench.plots RESULTS FOLDER`: draw the figures as SVG, one file for each part.

It runs in the environment of the alternatives, which has matplotlib.
"""

import sys
from pathlib import Path

import matplotlib
import msgspec
from matplotlib import pyplot

from loadtest.bench.results import Figure, Results, short

BAR_INCHES = 0.32
HEAD_INCHES = 0.9  # of a case: its title and its axis
WIDTH_INCHES = 8.0


def main(results_file: str, folder: str) -> None:
    """Draw all parts: of each case the figure that counts, a bar for each name with the range of its runs."""
    matplotlib.use("svg")
    # Text stays text, and nothing depends on when it was drawn: equal figures make an equal file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "matline", "font.size": 9})
    results = msgspec.json.decode(Path(results_file).read_bytes(), type=Results)
    for part in results.parts():
        draw(results.of(part), Path(folder) / f"{part}.svg")


def draw(figures: list[Figure], file: Path) -> None:
    """Draw the cases of a part below each other."""
    cases = [_that_counts(figures, case) for case in dict.fromkeys(figure.case for figure in figures)]
    heights = [HEAD_INCHES + BAR_INCHES * len(bars) for bars in cases]
    drawing, axes = pyplot.subplots(
        len(cases), 1, figsize=(WIDTH_INCHES, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for axis, bars in zip(axes[:, 0], cases, strict=True):
        medians = [bar.median for bar in bars]
        below = [bar.median - min(bar.values) for bar in bars]
        above = [max(bar.values) - bar.median for bar in bars]
        axis.barh([bar.name for bar in bars], medians, xerr=[below, above], capsize=3, color="#3b6ea5")
        for place, bar in enumerate(bars):
            axis.annotate(short(bar.median), (max(bar.values), place), (5, 0), textcoords="offset points", va="center")
        axis.invert_yaxis()
        axis.set_title(bars[0].case, loc="left")
        axis.set_xlabel(bars[0].measure)
        if min(medians) > 0 and max(medians) > 50 * min(medians):
            axis.set_xscale("log")
            axis.set_xlabel(f"{bars[0].measure}, logarithmic")
        axis.margins(x=0.15)
    drawing.savefig(file, metadata={"Date": None})
    pyplot.close(drawing)


def _that_counts(figures: list[Figure], case: str) -> list[Figure]:
    """Return the figures of a case that are of the first of its measures."""
    of_case = [figure for figure in figures if figure.case == case]
    return [figure for figure in of_case if figure.measure == of_case[0].measure]


if __name__ == "__main__":
    main(*sys.argv[1:])
