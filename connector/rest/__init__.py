"""Toolkit for adapters of HTTP systems: one client, one table of failures, paging, credentials, call budgets."""
