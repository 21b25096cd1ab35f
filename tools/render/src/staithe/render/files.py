"""Rendered files in a repository: write them, or say which ones no longer equal the map."""

from pathlib import Path
from typing import Final

from staithe.kernel.topology import Topology, load_topology
from staithe.render.compose import render_compose
from staithe.render.dockerfiles import render_dockerfiles
from staithe.render.k8s import GENERATED, render_k8s

TOPOLOGY: Final = "topology.yaml"
COMPOSE: Final = "docker-compose.yml"


def render(topology: Topology) -> dict[str, str]:
    """Every rendered file by its path from the repository's root."""
    return {COMPOSE: render_compose(topology)} | render_k8s(topology) | render_dockerfiles(topology)


def write(root: Path) -> list[Path]:
    """Make the rendered files under `root` equal to its topology.yaml; the paths that changed, sorted.

    Files in k8s/base/generated/ that nothing renders any more are removed. Raises ConfigurationError when the map is
    not usable.
    """
    wanted = render(load_topology(root / TOPOLOGY))
    changed = _differences(root, wanted)
    for path in changed:
        text = wanted.get(path.as_posix())
        if text is None:
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
    return changed


def stale(root: Path) -> list[Path]:
    """Rendered files under `root` that are missing, differ, or should not be there; empty when all are fresh.

    Changes nothing. Raises ConfigurationError when the map is not usable.
    """
    return _differences(root, render(load_topology(root / TOPOLOGY)))


def _differences(root: Path, wanted: dict[str, str]) -> list[Path]:
    differing = {path for path, text in wanted.items() if not _equals(root / path, text)}
    present = {path.relative_to(root).as_posix() for path in (root / GENERATED).glob("**/*") if path.is_file()}
    return sorted(Path(path) for path in differing | (present - wanted.keys()))


def _equals(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
