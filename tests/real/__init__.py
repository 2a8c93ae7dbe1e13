"""Tests against systems nobody here wrote. `make real` sets them up and runs these."""
