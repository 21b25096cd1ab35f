"""Who is who in a local stack: keys to sign, seal and open with, each known to one room only.

Made once and kept; a start with a new service adds what is missing. The keys of documents are the key service's.
"""

import base64
import json
from typing import Final

from staithe.kernel.crypto.sealing import generate_private_key, private_keys_in, public_key_of, write_keyring
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.files import write_atomically, write_secret
from staithe.kernel.stream.letters import OPERATOR_TENANT
from staithe.kernel.topology import KEYRING_PURPOSE, Topology
from staithe.stack.issuing import DevelopmentIssuer
from staithe.stack.layout import StackPaths, ensure_private_folder
from staithe.stack.ports import HOST, StackPorts

KEYRING: Final = "keyring.json"
SIGNING_KEY: Final = "signing.key"
ISSUER_KEY: Final = "issuer.json"
AUDIT_KEY: Final = "audit.key"
PSEUDONYM_KEY: Final = "pseudonym.key"
OPERATOR: Final = "operator"
ISSUER: Final = "issuer"
LINEAGE_TRUST: Final = "lineage.json"


def issuer_url(ports: StackPorts) -> str:
    """The development issuer's URL, which every token of a local stack carries."""
    return f"https://{HOST}:{ports.of('issuer')}"


def ensure_identities(paths: StackPaths, ports: StackPorts, topology: Topology) -> None:
    """Make every key that is missing, and the public trust file; raises ConfigurationError on files that are open."""
    signers = {name: _ensure_signer(paths, name) for name, each in topology.services.items() if each.consumes}
    public = {name: base64.b64encode(signer.public_key).decode() for name, signer in signers.items()}
    write_atomically(paths.trust / LINEAGE_TRUST, json.dumps(public, indent=1).encode(), mode=0o600)
    _ensure_keyring(paths, topology)
    issuer_key = paths.secrets_of(ISSUER) / ISSUER_KEY
    ensure_private_folder(issuer_key.parent)
    if not issuer_key.exists():
        DevelopmentIssuer.create(issuer_url(ports), issuer_key)
    for key in (
        paths.secrets_of("query") / AUDIT_KEY,
        paths.secrets_of("ingestion") / AUDIT_KEY,
        paths.secrets_of("sanitization") / PSEUDONYM_KEY,
    ):
        if not key.exists():
            write_secret(key, generate_private_key())


def _ensure_signer(paths: StackPaths, service: str) -> Signer:
    path = paths.secrets_of(service) / SIGNING_KEY
    ensure_private_folder(path.parent)
    if not path.exists():
        Signer.generate().save(path)
    return Signer.from_file(path)


def _ensure_keyring(paths: StackPaths, topology: Topology) -> None:
    """Records that name no document are sealed to the operator's own key, which lies in this one file."""
    own = paths.secrets_of(OPERATOR) / KEYRING
    known = private_keys_in(own).get(KEYRING_PURPOSE, {}) if own.exists() else {}
    private = {OPERATOR_TENANT: known.get(OPERATOR_TENANT) or generate_private_key()}
    write_keyring(own, seals={}, opens={KEYRING_PURPOSE: private})
    public = {OPERATOR_TENANT: public_key_of(private[OPERATOR_TENANT])}
    for name, service in topology.services.items():
        if KEYRING_PURPOSE in service.seals:
            write_keyring(paths.secrets_of(name) / KEYRING, seals={KEYRING_PURPOSE: public}, opens={})
