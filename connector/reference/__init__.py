"""The built-in CRM and ERP: small real applications, each one process with its own SQLite file.

They know nothing of the rest of the program; their HTTP API is described in docs/reference-api.md.
"""
