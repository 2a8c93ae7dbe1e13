"""`python -m connector.emulators.hubspot`: serve the emulator."""

import sys

from connector.emulators.hubspot.serve import main

if __name__ == "__main__":
    sys.exit(main())
