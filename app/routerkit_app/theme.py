"""Colours and their use: one restrained theme, light and dark, that colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import altair as alt

PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8F7AE5", "#999999")
"""Okabe and Ito 2008, less the yellow that no white page and the black that no dark page can carry."""
GOOD, BAD, FAINT = "#0072B2", "#D55E00", "#999999"
"""Better, worse, and what is only there for comparison; blue and vermilion, because red and green look alike to one man in twelve."""

LEGEND_COLUMNS: Final = 2
"""Names side by side: more would be cut off on a phone, and in a half of the page."""

LIGHT: Final[Mapping[str, str]] = {
    "primaryColor": "#0072B2",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F4F6F8",
    "textColor": "#1F2933",
}
DARK: Final[Mapping[str, str]] = {
    "primaryColor": "#56B4E9",
    "backgroundColor": "#12171C",
    "secondaryBackgroundColor": "#1C232A",
    "textColor": "#E4E8EC",
}


def colour(field: str, names: Sequence[str]) -> alt.Color:
    """Colour by name: the same names get the same colours in every chart of a page; beyond eight they repeat.

    Args:
        field: Column with the name.
        names: All of them, in order.
    """
    import altair as alt  # loaded here: it takes half a second, and the command line only wants the colours

    shades = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=list(names), range=shades),
        legend=alt.Legend(orient="top", title=None, columns=LEGEND_COLUMNS, labelLimit=150),
    )
