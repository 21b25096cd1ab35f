"""`python -m staithe.render write|check|secrets [ROOT]`: the renderer without the rest of the command line."""

import argparse
import sys
from pathlib import Path

from staithe.kernel.errors import ConfigurationError
from staithe.render.files import stale, write
from staithe.render.material import make_material


def main(arguments: list[str] | None = None) -> int:
    """0 when done or fresh, 1 when stale, 2 when the map or the folder is not usable."""
    parser = argparse.ArgumentParser(prog="python -m staithe.render", description=__doc__)
    parser.add_argument("verb", choices=("write", "check", "secrets"))
    parser.add_argument("root", nargs="?", type=Path, default=Path())
    chosen = parser.parse_args(arguments)
    try:
        if chosen.verb == "secrets":
            for line in make_material(chosen.root):
                print(line)
            return 0
        paths = write(chosen.root) if chosen.verb == "write" else stale(chosen.root)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        print(f"written {path}" if chosen.verb == "write" else f"stale {path}: run `staithe topology render`")
    return 1 if paths and chosen.verb == "check" else 0


if __name__ == "__main__":
    sys.exit(main())
