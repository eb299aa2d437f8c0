"""One file per page; Streamlit runs it from top to bottom. Not named `pages`: Streamlit would serve that folder past the password."""
