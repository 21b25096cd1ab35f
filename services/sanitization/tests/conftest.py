"""Makes the shared samples importable: with import-mode=importlib nothing else does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
