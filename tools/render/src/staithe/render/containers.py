"""What every container of the Compose file shares: no privileges, no writable root, bounded resources."""

from typing import Any, Final

Container = dict[str, Any]

USER: Final = "${STAITHE_UID:-10001}:${STAITHE_GID:-10001}"
"""The owner of .secrets/ and .compose/: Compose mounts secret files with the owner and mode they have on the host."""


def hardened(image: str, *, memory: str, processes: int, scratch: str = "64m") -> Container:
    """The start of every container: `memory` and `scratch` (its /tmp) as Compose sizes, at most `processes` threads."""
    return {
        "image": image,
        "user": USER,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": [f"/tmp:size={scratch},mode=1777,nosuid,nodev"],  # noqa: S108 - a container's own scratch
        "mem_limit": memory,
        "pids_limit": processes,
        "init": True,
        "restart": "unless-stopped",
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
    }


def probe(*command: str, start_seconds: int) -> Container:
    """A health check by command, without a shell; failures in the first `start_seconds` do not count."""
    return {
        "test": ["CMD", *command],
        "interval": "10s",
        "timeout": "5s",
        "retries": 6,
        "start_period": f"{start_seconds}s",
    }


def wait_for(*names: str, finished: tuple[str, ...] = ()) -> Container:
    """A depends_on: `names` must be healthy, `finished` must have ended with success."""
    healthy: Container = {name: {"condition": "service_healthy"} for name in names}
    return healthy | {name: {"condition": "service_completed_successfully"} for name in finished}


def secret(owner: str, file: str) -> Container:
    """A mount of one secret file under /run/secrets/<file>."""
    return {"source": secret_name(owner, file), "target": file}


def secret_name(owner: str, file: str) -> str:
    """The name of a secret in the Compose file."""
    return f"{owner}-{file.replace('.', '-').replace('_', '-')}"


def volume(source: str, target: str, *, read_only: bool = False) -> Container:
    """A bind mount of a folder that the documented step made."""
    mount: Container = {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": False}}
    return mount | ({"read_only": True} if read_only else {})
