"""Providers: what answers requests. Each lives in its own module, so that importing one does not load the libraries of another."""
