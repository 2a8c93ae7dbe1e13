"""The system in memory keeps every promise of the port, whatever it declares."""

from __future__ import annotations

from functools import partial

from connector.testing.contract import AdapterContract

from .subjects import PROFILES, TROUBLES, MemorySubject


class InMemory(AdapterContract):
    troubles = TROUBLES


class TestFull(InMemory):
    subject = staticmethod(partial(MemorySubject, PROFILES["full"]))


class TestBare(InMemory):
    """Its lines have no ids, either."""

    subject = staticmethod(partial(MemorySubject, PROFILES["bare"], line_id=""))


class TestOneByOne(InMemory):
    subject = staticmethod(partial(MemorySubject, PROFILES["one_by_one"]))


class TestLateFeed(InMemory):
    subject = staticmethod(partial(MemorySubject, PROFILES["late_feed"]))


class TestSearchable(InMemory):
    subject = staticmethod(partial(MemorySubject, PROFILES["searchable"]))


class TestSilentDeletes(InMemory):
    subject = staticmethod(partial(MemorySubject, PROFILES["silent_deletes"]))


class TestNumbers(InMemory):
    subject = staticmethod(partial(MemorySubject, PROFILES["numbers"]))
