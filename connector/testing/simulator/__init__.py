"""A deterministic simulator that tries to break the engine: users, faults and crashes by seed, and a judge."""
