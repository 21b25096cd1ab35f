"""`python -m staithe.query` runs the query service."""

import sys

from staithe.kernel.service import main
from staithe.query.app import build
from staithe.query.settings import QuerySettings

if __name__ == "__main__":
    sys.exit(main("query", QuerySettings, build))
