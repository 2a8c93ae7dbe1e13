"""Nouns of the program. No I/O, no clock, no randomness."""
