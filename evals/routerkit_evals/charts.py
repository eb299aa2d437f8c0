"""Pictures of what was measured: pure functions from rows to charts. One palette, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import altair as alt

# altair takes half a second to import, so each function imports it when it draws.

Picture: TypeAlias = "alt.LayerChart | alt.FacetChart"
PALETTE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A3D9A", "#7F7F7F")
"""Okabe and Ito 2008, less the yellow that no white page can carry."""
_INK, _FAINT, _EMPTY = "#333333", "#8A8A8A", "#EDEDED"
_LOG_FROM: Final = 8.0
"""Ratio of the dearest to the cheapest from which a linear scale would squeeze the cheap ones together."""
_PADDING: Final = {"left": 16, "right": 16, "top": 16, "bottom": 16}
"""By side, because Streamlit adds to one of them."""
_FONT: Final = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Point:
    """One target's overall result."""

    target: str
    share: float
    """Solved tasks of all, 0..1."""
    low: float
    high: float
    """95 % interval of the share."""
    n: int
    """Tasks."""
    x: float
    """Dollars or seconds per task."""
    x_low: float
    x_high: float
    is_frontier: bool = False
    """Whether no other target is both better and cheaper; set by `with_frontier`."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One target on one task kind."""

    target: str
    kind: str
    share: float | None
    """None = unmeasured."""
    low: float = 0.0
    high: float = 1.0
    n: int = 0


@dataclass(frozen=True, slots=True)
class NightPoint:
    """One target's anchors in one night."""

    target: str
    night: str
    """ISO date."""
    share: float
    low: float
    high: float
    n: int


def with_frontier(points: Sequence[Point]) -> tuple[Point, ...]:
    """Mark the points that no other one beats in share at the same or a lower x, or in x at the same or a higher share."""
    return tuple(replace(p, is_frontier=not any(_beats(other, p) for other in points)) for p in points)


def pareto(points: Sequence[Point], *, unit: Literal["usd", "s"], title: str = "") -> Picture:
    """Solved share over price or time per task, with intervals both ways and the frontier as a line. Up and left is better."""
    import altair as alt

    marked = with_frontier(points)
    rows = [asdict(p) for p in marked]
    data = _data(rows)
    # A log scale shows cheap and dear ones together; it has no place for what costs nothing.
    least, most = min((p.x_low for p in points), default=0.0), max((p.x_high for p in points), default=0.0)
    is_log = least > 0 and most > _LOG_FROM * least
    # On a linear scale zero belongs in the picture, and the names need room on the right.
    scale = alt.Scale(type="log", padding=24) if is_log else alt.Scale(domain=[0, 1.3 * most or 1.0], nice=True)
    labels = {"usd": ("dollars per task", "$~g" if is_log else "$~f"), "s": ("seconds per task", ",~r")}
    x = alt.X("x:Q", title=labels[unit][0], scale=scale, axis=alt.Axis(format=labels[unit][1], grid=False, tickCount=5, labelOverlap=True))
    y = alt.Y("share:Q", title="solved", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    colour = _colour([p.target for p in points])
    base = alt.Chart(data).encode(color=colour)
    above, below = base.transform_filter("datum.is_frontier"), base.transform_filter("!datum.is_frontier")
    frontier = alt.Chart(_data([r for r in rows if r["is_frontier"]])).mark_line(
        interpolate="step-after", color=_FAINT, strokeDash=[5, 4], opacity=0.8
    )
    layers = [
        frontier.encode(x=x, y=y),
        base.mark_rule(strokeWidth=1.6, opacity=0.75).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_rule(strokeWidth=1.6, opacity=0.75).encode(x=alt.X("x_low:Q"), x2="x_high:Q", y=y),
        base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, tooltip=["target:N", "share:Q", "n:Q", "x:Q"]),
        *(layer.encode(x=x, y=y, text="target:N") for layer in (*_label(above, dy=-11), *_label(below, dy=15))),
    ]
    return _finished(alt.layer(*layers), title, width=560, height=320)


def heat_map(tiles: Sequence[Tile], *, title: str = "") -> Picture:
    """Solved share by task kind and target, with the number of tasks in each cell; what nobody measured is empty and says so."""
    import altair as alt

    rows = [{**asdict(t), "text": _tile_text(t), "under": f"n={t.n}" if t.n else "unmeasured"} for t in tiles]
    targets, kinds = list(dict.fromkeys(t.target for t in tiles)), list(dict.fromkeys(t.kind for t in tiles))
    x = alt.X("target:N", title=None, sort=targets, axis=alt.Axis(labelAngle=0, orient="top", domain=False, ticks=False, labelPadding=8))
    y = alt.Y("kind:N", title=None, sort=kinds, axis=alt.Axis(domain=False, ticks=False, labelPadding=8))
    base = alt.Chart(_data(rows)).encode(x=x, y=y)
    # Two anchors of one hue: a colour-blind reader sees the same order, and a grey print keeps it.
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#F1F6FB", "#08519C"]), legend=None)
    ink = alt.condition("datum.share !== null && datum.share > 0.62", alt.value("white"), alt.value(_INK))
    layers = [
        base.mark_rect(stroke="white", strokeWidth=3, cornerRadius=4, color=_EMPTY),
        base.transform_filter("datum.share !== null")
        .mark_rect(stroke="white", strokeWidth=3, cornerRadius=4)
        .encode(
            color=shade,
            tooltip=["target:N", "kind:N", "share:Q", "low:Q", "high:Q", "n:Q"],
        ),
        base.mark_text(dy=-7, fontSize=14, fontWeight="bold").encode(text="text:N", color=ink),
        base.mark_text(dy=10, fontSize=10).encode(text="under:N", color=ink),
    ]
    # Wide enough for the names on top, which are not turned.
    step = max(96, 8 * max((len(name) for name in targets), default=0))
    return _finished(alt.layer(*layers), title, width=step * max(1, len(targets)), height=48 * max(1, len(kinds)))


def nights(points: Sequence[NightPoint], *, title: str = "") -> Picture:
    """Solved share of the anchor tasks night by night, with intervals."""
    import altair as alt

    data = _data([asdict(p) for p in points])
    x = alt.X("night:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, domain=False))
    y = alt.Y("share:Q", title="anchors solved", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    targets = list(dict.fromkeys(p.target for p in points))
    offset = alt.XOffset("target:N", sort=targets)
    base = alt.Chart(data).encode(x=x, color=_colour([p.target for p in points], legend=True), xOffset=offset)
    layers = [
        base.mark_rule(strokeWidth=1.6, opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(y=y, tooltip=["target:N", "night:N", "share:Q", "n:Q"]),
    ]
    return _finished(alt.layer(*layers), title, width=560, height=220)


def save(chart: Picture, stem: Path) -> None:
    """Write a picture as `STEM.svg` and, at twice the size for sharp screens, `STEM.png`. Offline; a second for the first, then tenths.

    Raises:
        OSError: a file cannot be written.
    """
    import altair as alt
    import vl_convert  # brings a JavaScript engine

    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=version)
    stem.with_suffix(".svg").write_text(svg, "utf-8")
    # Drawn once: Vega costs several times what turning its lines into points does.
    stem.with_suffix(".png").write_bytes(vl_convert.svg_to_png(svg, scale=2.0))


def _beats(other: Point, p: Point) -> bool:
    return other.share >= p.share and other.x <= p.x and (other.share > p.share or other.x < p.x)


def _label(chart: alt.Chart, *, dy: int) -> tuple[alt.Chart, alt.Chart]:
    """Names beside points, with a white rim so that they can be read on top of lines."""
    rim = chart.mark_text(align="left", dx=9, dy=dy, fontSize=12, fontWeight="bold", stroke="white", strokeWidth=4, strokeJoin="round")
    return rim, chart.mark_text(align="left", dx=9, dy=dy, fontSize=12, fontWeight="bold")


def _data(rows: Sequence[Mapping[str, object]]) -> alt.Data:
    import altair as alt

    return alt.Data(values=list(rows))  # type: ignore[no-untyped-call]  # altair leaves this constructor without types


def _colour(targets: Sequence[str], *, legend: bool = False) -> alt.Color:
    import altair as alt

    names = list(dict.fromkeys(targets))
    shades = [PALETTE[i % len(PALETTE)] for i in range(len(names))]
    shown = alt.Legend(title=None, orient="top") if legend else None
    return alt.Color("target:N", scale=alt.Scale(domain=names, range=shades), legend=shown)


def _tile_text(tile: Tile) -> str:
    return "–" if tile.share is None else f"{tile.share:.0%}"


def _finished(chart: Picture, title: str, *, width: int, height: int) -> Picture:
    import altair as alt

    head = alt.TitleParams(title, anchor="start", fontSize=15, fontWeight="bold", color=_INK, offset=14) if title else alt.Undefined
    sized: Picture = chart.properties(width=width, height=height, title=head, background="white", padding=_PADDING)
    styled: Picture = sized.configure(font=_FONT).configure_view(stroke=None)
    final: Picture = styled.configure_axis(
        labelColor=_INK, titleColor=_INK, gridColor="#E6E6E6", labelFontSize=12, titleFontSize=12, titleFontWeight="normal"
    )
    return final
