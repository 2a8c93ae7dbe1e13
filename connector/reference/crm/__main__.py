"""`python -m connector.reference.crm`: serve the crm."""

import sys

from connector.reference.crm.app import create_app
from connector.reference.kit.serve import main

if __name__ == "__main__":
    sys.exit(main("crm", create_app))
