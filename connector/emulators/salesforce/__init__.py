"""Salesforce's REST, Bulk 2.0 and outbound-message protocols over records of our own.

Written from the vendor's contract; numbers behind § in the docstrings are those of its sections. Start it with
`python -m connector.emulators.salesforce`, or in a test with `create_app(Settings(...))`.
"""

from connector.emulators.salesforce.app import Emulator, create_app
from connector.emulators.salesforce.settings import Settings

__all__ = ["Emulator", "Settings", "create_app"]
