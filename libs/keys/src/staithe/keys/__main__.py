"""`python -m staithe.keys` runs the key service."""

import sys

from staithe.kernel.service import main
from staithe.keys.app import build
from staithe.keys.settings import KeysSettings

if __name__ == "__main__":
    sys.exit(main("keys", KeysSettings, build))
