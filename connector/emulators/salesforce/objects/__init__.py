"""The standard objects as data, and custom ones from their metadata."""
