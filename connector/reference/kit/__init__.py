"""What both built-in applications share: records over SQLite, the HTTP conventions, start-up."""
