"""The command line: thin over `connector.app`."""
