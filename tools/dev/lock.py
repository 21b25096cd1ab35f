"""Writes the hashed locks in requirements/: dev.txt for everything, one file per image, and one for each *-*.in.

    python tools/dev/lock.py           # resolve anew
    python tools/dev/lock.py --check   # exit 1 when a distribution's dependencies are not in the locks

Needs `uv` on the path for resolving. Locks name no registry, so they install from whichever index pip is set up for.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "requirements"
DISTRIBUTIONS = {path.parent.name: path for path in ROOT.glob("*/*/pyproject.toml")}
APART = "# Locked apart from dev.txt"
"""In a *-*.in whose needs contradict ours: it is installed into an environment of its own."""
IMAGES = ("keys", "ingestion", "sanitization", "embedding", "indexing", "audit", "query", "cli")


def dependencies(name: str) -> list[str]:
    """Everything the distribution `name` needs from outside this repository, its own parts' needs included."""
    found: list[str] = []
    for each in tomllib.loads(DISTRIBUTIONS[name].read_text())["project"]["dependencies"]:
        inner = re.fullmatch(r"staithe-(\w+)", each)
        found += dependencies(inner[1]) if inner else [each]
    return sorted(set(found))


def resolve(requirements: list[str], output: Path, constraints: list[str]) -> None:
    """Lock `requirements` into `output` for every platform and Python we support."""
    source = "\n".join(requirements)
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--override", str(LOCKS / "overrides.txt"), *constraints]
    subprocess.run([*command, "-", "-o", str(output)], input=source, text=True, check=True)


def normalised(requirement: str) -> str:
    """The name in a requirement, as package indexes compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


def main() -> int:
    """Write or check the locks; the exit code says whether they are good."""
    everything = sorted({each for name in DISTRIBUTIONS for each in dependencies(name)})
    tools = [line for line in (LOCKS / "dev.in").read_text().splitlines() if line and not line.startswith("#")]
    if "--check" in sys.argv[1:]:
        locked = {normalised(line) for line in (LOCKS / "dev.txt").read_text().splitlines() if "==" in line}
        missing = [each for each in [*everything, *tools] if normalised(each) not in locked]
        sys.stdout.write("".join(f"not locked: {each}; run `make lock`\n" for each in missing))
        return 1 if missing else 0
    resolve([*everything, *tools], LOCKS / "dev.txt", [])
    for image in IMAGES:
        resolve(dependencies(image), LOCKS / f"{image}.txt", ["--constraint", str(LOCKS / "dev.txt")])
    for source in sorted(LOCKS.glob("*-*.in")):
        text = source.read_text()
        constraints = [] if APART in text else ["--constraint", str(LOCKS / "dev.txt")]
        resolve(text.splitlines(), source.with_suffix(".txt"), constraints)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
