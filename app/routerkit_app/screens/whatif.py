"""Logged traffic, decided again by other settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from routerkit import POLICY_KINDS, Policy, Pool, RouterState
from routerkit.store import Counterfactual, LoggedCalls, Setting, read_logged, replay_calls
from routerkit_app.charts import whatif as charts
from routerkit_app.data import folder
from routerkit_app.estimates import SHOWN_MOVES, Headline, dollars, estimates_frame, headline, moves_frame, refusals, share
from routerkit_app.filters import Filters, chosen
from routerkit_app.first_steps import to_call, to_configure
from routerkit_app.knobs import as_toml, knobs_of, of_kind
from routerkit_app.markdown import plain
from routerkit_app.setup import Setup, setup
from routerkit_app.traffic import n_calls
from routerkit_app.view import draw, head, nothing, table

_SAMPLE: Final = 5_000
"""Calls that are decided again: a share is then known within 1.4 points, and it takes a third of a second."""
_CURVE_SAMPLE: Final = 500
_FRESH_S: Final = 300


def show() -> None:
    """Slide a policy's knobs and see which calls would have gone where, at what cost and success."""
    head("What if", "The calls that were logged, decided again by other settings. Nothing is called, and nothing is changed.")
    found = setup()
    if found is None:
        st.info("No configuration is known here, so there is nothing to turn. This writes one; then load this page again:")
        st.code(to_configure(), language="sh")
        return
    left, right = st.columns(2)
    pool = found.state.pools[left.selectbox("Pool", list(found.state.pools), key="of", bind="query-params")]
    filters = chosen()
    logged = only(_logged(str(folder()), pool.name, filters.days), filters)
    if not logged.calls:
        nothing("calls through this pool", to_call(), n_elsewhere=n_calls())
        return
    policy = _turned(right, found.state, pool)
    _show(_replayed(found.state, pool, policy, logged))
    _say_sample(logged)
    _say_left_out(found, pool)
    _curve(found.state, pool, policy, logged)
    st.subheader("To do so")
    st.caption("Write this into a copy of the configuration; `routerkit replay --policy new.toml` says the same as this page.")
    st.code(as_toml(pool.name, policy), language="toml")


def only(logged: LoggedCalls, filters: Filters) -> LoggedCalls:
    """The calls of the kinds and agents that are looked at."""
    if not filters.kind and not filters.agent:
        return logged
    facts = [(call, call.decision.features) for call in logged.calls]
    kept = [c for c, f in facts if (not filters.kind or f.kind in filters.kind) and (not filters.agent or f.agent in filters.agent)]
    return LoggedCalls(tuple(kept), logged.n_stored, logged.left_out)


def _turned(place: DeltaGenerator, state: RouterState, pool: Pool) -> Policy:
    """The policy that is chosen, with its knobs where they were put."""
    configured = state.policy(pool)
    others = [name for name in (*state.policies, *POLICY_KINDS) if name != configured.name]
    name = place.selectbox("Policy", [configured.name, *dict.fromkeys(others)], key="policy", bind="query-params")
    policy = configured if name == configured.name else state.policies.get(name) or of_kind(configured, name)
    knobs = knobs_of(policy)
    if not knobs:
        st.caption(f"A policy of kind {policy.kind} has nothing to turn here.")
        return policy
    for column, knob in zip(st.columns(len(knobs)), knobs, strict=True):
        value = column.select_slider(
            knob.label, knob.steps(policy), knob.value(policy), format_func="{:g}".format, key=knob.setting, bind="query-params"
        )
        policy = knob.turned(policy, value)
    return policy


def _replayed(state: RouterState, pool: Pool, policy: Policy, logged: LoggedCalls) -> Counterfactual:
    setting = Setting(pool, policy, state.scorecard, state.rules, routes=state.routes)
    # What the answer depends on, as text: neither decisions nor settings can be hashed.
    asked = f"{state.revision} {state.scorecard.revision} {pool.name} {policy} {id(logged)} {len(logged.calls)}"
    return _decided_again(asked, logged, setting)


@st.cache_data(ttl=_FRESH_S, max_entries=200, show_spinner=False)
def _decided_again(asked: str, _logged: LoggedCalls, _setting: Setting) -> Counterfactual:
    return replay_calls(_logged.calls, {_setting.pool.name: _setting})


@st.cache_resource(ttl=_FRESH_S, max_entries=4, show_spinner="Reading logged calls …")
def _logged(folder: str, pool: str, days: float | None) -> LoggedCalls:
    since = None if days is None else datetime.now(UTC) - timedelta(days=days)
    return read_logged(Path(folder), since=since, pool=pool, sample=_SAMPLE)


def _show(found: Counterfactual) -> None:
    cost, success, moved = st.columns(3)
    _figure(cost, "cost per call", headline(found.cost, found.predicted_usd, dollars), "inverse")
    _figure(success, "success", headline(found.success, found.predicted_success, share), "normal")
    moved.metric(
        "calls that move", f"{found.n_moved:,} of {found.n_calls:,}", help="Compared are the likeliest picks, so exploring is not a move."
    )
    for why in refusals(found):
        st.warning(why)
    moves = moves_frame(found)
    if not moves.empty:
        draw(charts.moves(moves.head(SHOWN_MOVES)), key="moves")
    table(estimates_frame(found), "estimates")
    if len(moves) > SHOWN_MOVES:
        table(moves.drop(columns=["move"]), "moves")


def _figure(column: DeltaGenerator, label: str, found: Headline, better: Literal["normal", "inverse"]) -> None:
    column.metric(label, found.value, found.change, delta_color=better if found.is_sure else "off")
    column.caption(plain(found.basis))


def _say_sample(logged: LoggedCalls) -> None:
    left_out = "".join(f", {n:,} left out ({plain(why)})" for why, n in logged.left_out.items())
    st.caption(f"{len(logged.calls):,} of {logged.n_stored:,} calls, drawn by a hash of their ids{left_out}.")


def _say_left_out(found: Setup, pool: Pool) -> None:
    """What this configuration's router looks at, too, and what deciding again here does not."""
    facts = {
        "what reports have taught since the scorecard (`[online]`)": found.config.online is not None,
        "the text predictor, as prompts are not stored": found.state.predictor is not None,
        "the experiment of this pool, as every call is decided by the policy chosen here": pool.name in found.state.experiments,
    }
    left_out = [fact for fact, is_used in facts.items() if is_used]
    if left_out:
        st.caption(f"Not looked at here: {'; '.join(left_out)}.")


def _curve(state: RouterState, pool: Pool, policy: Policy, logged: LoggedCalls) -> None:
    """What the scorecard predicts wherever the first slider is put."""
    for knob in knobs_of(policy)[:1]:
        few = LoggedCalls(logged.calls[:: max(1, len(logged.calls) // _CURVE_SAMPLE)], logged.n_stored)
        found = {step: _replayed(state, pool, knob.turned(policy, step), few) for step in knob.steps(policy)}
        points = curve_frame(found, chosen=knob.value(policy))
        if len(points) == 1:
            st.caption(f"Wherever “{knob.label}” stands, the scorecard predicts the same.")
        elif not points.empty:
            draw(charts.curve(points, knob=knob.label), key="curve")


def curve_frame(found: Mapping[float, Counterfactual], *, chosen: float) -> pd.DataFrame:
    """One row per step of a slider whose prediction is known; neighbours that predict the same are one point, named from first to last."""
    rows = [
        {"step": step, "usd": c.predicted_usd, "success": c.predicted_success, "is_chosen": step == chosen}
        for step, c in found.items()
        if c.predicted_usd is not None and c.predicted_success is not None
    ]
    same = [list(group) for _, group in groupby(rows, key=lambda row: (row["usd"], row["success"]))]
    points = [
        {
            "place": place,
            "setting": f"{group[0]['step']:g}" if len(group) == 1 else f"{group[0]['step']:g} to {group[-1]['step']:g}",
            "usd": group[0]["usd"],
            "success": group[0]["success"],
            "is_chosen": any(row["is_chosen"] for row in group),
        }
        for place, group in enumerate(same)
    ]
    return pd.DataFrame(points, columns=["place", "setting", "usd", "success", "is_chosen"])


if __name__ == "__main__":
    show()
