"""Keeps a CRM and an ERP in step, both ways, and can move one into the other once."""

__version__ = "0.1.0"
