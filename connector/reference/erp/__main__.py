"""`python -m connector.reference.erp`: serve the erp."""

import sys

from connector.reference.erp.app import create_app
from connector.reference.kit.serve import main

if __name__ == "__main__":
    sys.exit(main("erp", create_app))
