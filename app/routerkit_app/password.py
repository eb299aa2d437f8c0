"""A password, asked for when the app is served beyond this machine."""

from __future__ import annotations

import hmac
import os
import time
from typing import Final

import streamlit as st

from routerkit_app.environment import PASSWORD

_PAUSE_S: Final = 1.0
"""How long a wrong password takes to be refused."""


def admit() -> None:
    """Let only those pass who know the password; stop the page otherwise."""
    wanted = os.environ.get(PASSWORD)
    if not wanted or st.session_state.get("is_admitted"):
        return
    given = st.text_input("Password", type="password", key="password")
    if given and hmac.compare_digest(given.encode(), wanted.encode()):
        st.session_state["is_admitted"] = True
        st.rerun()
    if given:
        time.sleep(_PAUSE_S)
        st.error("This is not the password.")
    st.stop()
