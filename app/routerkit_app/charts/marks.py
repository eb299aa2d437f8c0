"""What several charts draw alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import altair as alt

from routerkit_app.theme import BAD, GOOD, PALETTE

Picture: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart
INK: Final = "#7A7F85"
"""Words and rules inside a picture; readable on the light page and on the dark one."""
_OTHERS: Final = (BAD, *(shade for shade in PALETTE if shade not in {GOOD, BAD}))


def outcome_colour(field: str, values: Iterable[str], *, good: str = "ok") -> alt.Color:
    """The good outcome in the good colour, whichever others there are."""
    others = sorted(set(values) - {good})
    shades = [GOOD, *(_OTHERS[i % len(_OTHERS)] for i in range(len(others)))]
    legend = alt.Legend(orient="top", title=None, columns=4, labelLimit=150, values=[v for v in (good, *others) if v in set(values)])
    scale = alt.Scale(domain=[good, *others], range=shades)
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def rows_height(n: int, row: int = 36, *, has_legend: bool = False) -> int:
    """Height of a chart with a line per row, in pixels; title, axis and legend included, as Streamlit squeezes all into it."""
    return row * n + (180 if has_legend else 130)


def titled(chart: Picture, title: str, height: int) -> Picture:
    """The finished picture.

    Args:
        chart: What is drawn.
        title: What is shown, a colon, what to see: two lines, as one would be cut off on a phone.
        height: In pixels, legend and title included.
    """
    shown, _, see = title.partition(": ")
    heading = alt.Title(shown, subtitle=see, subtitleColor=INK, subtitleFontSize=12)
    finished: Picture = chart.properties(title=heading, height=height)
    return finished
