"""Measures models on code tasks, and publishes what they are good for."""
