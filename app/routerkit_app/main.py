"""Entry point that `routerkit app` starts: password if one is set, menu, filters, then the page."""

import streamlit as st

from routerkit.errors import StoreError
from routerkit_app.data import folder, is_demo, one_look
from routerkit_app.filters import offer
from routerkit_app.navigation import navigate
from routerkit_app.password import admit

st.set_page_config(page_title="routerkit", layout="wide", initial_sidebar_state=250)
admit()
page, entry = navigate()
try:
    with one_look():
        offer(entry.filters)
        st.sidebar.caption("generated data" if is_demo() else f"Data: {folder().name}")
        page.run()
except StoreError as error:
    st.error(f"The store cannot be read: {error}")
