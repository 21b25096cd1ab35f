"""The version of the code that is running, as lineage and audit events state it."""

from importlib.metadata import version


def code_version(service: str) -> str:
    """`<service>/<distribution version>`."""
    return f"{service}/{version(f'staithe-{service}')}"
