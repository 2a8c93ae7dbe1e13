"""Serves Tryton until whoever started it ends: by that its standard input closes. Run by Tryton's own Python.

So no server is left behind, not even by a test run that was killed.
"""

import os
import sys
import threading

from trytond.cli import main


def _end_with_the_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=_end_with_the_starter, daemon=True).start()
main()
