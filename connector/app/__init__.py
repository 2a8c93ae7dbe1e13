"""The use cases, and the one place where configuration, store, adapters and engine meet.

`App` is imported from `connector.app.core`; this package imports nothing, so that the command line starts at once.
"""
