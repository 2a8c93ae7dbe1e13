"""Vendors' wire protocols, spoken over records of our own: for tests, for demos, for trying a pair without an account.

Each is written from the vendor's contract, never from the adapter, and knows nothing of the rest but the kit of the
built-in systems.
"""
