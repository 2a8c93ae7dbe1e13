"""Start a built-in application in a process of its own."""

from connector.reference.kit.serve import Running, start

__all__ = ["Running", "start"]
