"""Carries out: reads both sides, lets `merge` decide, writes, settles, recovers. Generators over port effects."""
