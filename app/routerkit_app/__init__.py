"""The Streamlit app: what was measured, what was routed, and why. Reads the store, never writes to it."""
