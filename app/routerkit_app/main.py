"""Entry point that `routerkit app` starts."""

import streamlit as st

from routerkit.errors import StoreError
from routerkit_app import measured, routing
from routerkit_app.data import folder

st.set_page_config(page_title="routerkit", layout="wide")
pages = {
    "Routing": [
        st.Page(routing.overview, title="Overview", default=True),
        st.Page(routing.decisions, title="Decisions", url_path="decisions"),
        st.Page(routing.agents, title="Agents", url_path="agents"),
        st.Page(routing.health, title="Health", url_path="health"),
    ],
    "Measured": [
        st.Page(measured.models, title="Models", url_path="models"),
        st.Page(measured.kinds, title="By kind", url_path="kinds"),
        st.Page(measured.compare, title="Compare", url_path="compare"),
        st.Page(measured.runs, title="Runs", url_path="runs"),
    ],
}
page = st.navigation(pages)
st.sidebar.caption(f"Data: {folder().name}")
try:
    page.run()
except StoreError as error:
    st.error(f"The store cannot be read: {error}")
