"""A real Tryton of the tests' own: installed once, seeded once per database kind, started and stopped with each use."""
