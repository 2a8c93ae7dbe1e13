"""Decides. Pure: no clock, no I/O, no randomness, and nothing of mapping or adapters."""
