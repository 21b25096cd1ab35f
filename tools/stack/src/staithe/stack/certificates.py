"""Which certificates the local stack has: two authorities, so that no client certificate opens an internal listener."""

from typing import Final

from staithe.kernel.crypto.pki import Usage, ensure_authority, ensure_leaf
from staithe.stack.layout import StackPaths

SERVERS: Final = ("broker", "registry", "issuer", "ingestion", "query")
"""Processes with a listener that clients connect to."""

BROKER_PEER: Final = "broker"
"""The only subject the broker authority ever signs: both ends of the internal and controller listeners."""


def prepare_certificates(paths: StackPaths) -> None:
    """Make or renew every certificate of the services and broker authorities. Safe to call at each start."""
    services = ensure_authority(paths.pki_services, common_name="Staithe local services")
    for name in SERVERS:
        ensure_leaf(services, paths.pki_services, name, usage=Usage.SERVER)
    broker = ensure_authority(paths.pki_broker, common_name="Staithe local broker")
    ensure_leaf(broker, paths.pki_broker, BROKER_PEER, usage=Usage.PEER)
