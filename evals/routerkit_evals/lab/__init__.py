"""Offline laboratory: fit routing policies on recorded outcomes, score them on others, with intervals."""

from __future__ import annotations
