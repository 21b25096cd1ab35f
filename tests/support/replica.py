"""A second query service of a running stack, which trusts a real Keycloak and lets people sign in there."""

import dataclasses
import os
import secrets
import subprocess
from pathlib import Path
from typing import Final

from staithe.kernel.files import write_secret
from staithe.kernel.topology import load_topology
from staithe.stack.layout import CachePaths
from staithe.stack.processes import log_tail, spawn, stop, wait_ready
from staithe.stack.services import ServicePlan, health_ready
from support.identity import Keycloak
from support.live import REPOSITORY, LiveStack, free_port

READY_SECONDS_MAX: Final = 60.0


class QueryReplica:
    """One process beside the stack's own query service; it shares the stack's certificate, which names localhost."""

    def __init__(self, live: LiveStack, keycloak: Keycloak, folder: Path, more: dict[str, str] | None = None) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        trusted, key = folder / "trusted.pem", folder / "console.key"
        authorities = (live.paths.services_authority, keycloak.authority.files.certificate)
        trusted.write_bytes(b"".join(path.read_bytes() for path in authorities))
        write_secret(key, secrets.token_bytes(32))
        plan = ServicePlan(
            live.paths, live.ports, load_topology(REPOSITORY / "topology.yaml"), repository=REPOSITORY,
            cache=CachePaths.of_user(dict(os.environ)), milvus_is_server=live.kind == "server",
        )  # fmt: skip
        [spec] = (each for each in plan.specs() if each.name == "query")
        health = free_port()
        changed = {
            "REPLICA": "7", "HTTPS_PORT": str(keycloak.console_port), "HEALTH_PORT": str(health),
            "ISSUER_URL": keycloak.issuer_url, "AUDIENCE": "staithe-query", "CA_FILE": str(trusted),
            "CONSOLE_CLIENT_ID": "staithe-console", "CONSOLE_URL": keycloak.console_url, "CONSOLE_KEY_FILE": str(key),
            **(more or {}),
        }  # fmt: skip
        environment = {**spec.env, **{f"STAITHE_QUERY_{name}": value for name, value in changed.items()}}
        self.url = keycloak.console_url
        self._spec = dataclasses.replace(
            spec, name="query-replica", env=environment, log_path=folder / "query.log", ready=health_ready(health)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it is ready."""
        self._process = spawn(self._spec)
        wait_ready(self._process, self._spec, READY_SECONDS_MAX)

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            stop(self._process, self._spec)

    def log(self) -> str:
        """The last lines of its log."""
        return log_tail(self._spec.log_path)
