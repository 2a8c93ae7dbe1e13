"""`python -m connector.emulators.salesforce`: serve an emulated org."""

import sys

from connector.emulators.salesforce.serve import main

if __name__ == "__main__":
    sys.exit(main())
