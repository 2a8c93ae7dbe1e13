"""Migrations of the state store, run by the program itself when it opens a store of an older version.

Nothing here is imported for a store that is up to date: Alembic costs time and memory at every start.
"""
