"""Who is who in a local stack: keys to sign, seal and open with, each known to one room only.

Made once and kept; a start with a new tenant or service adds what is missing. Private sealing keys lie in the one
keyring that opens with them, public ones in the keyrings of those who seal.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from staithe.kernel.crypto.sealing import generate_private_key, private_keys_in, public_key_of, write_keyring
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, InvalidEvent
from staithe.kernel.files import write_atomically, write_secret
from staithe.kernel.stream.letters import DEAD_LETTER_PURPOSE, OPERATOR_TENANT
from staithe.kernel.topology import Topology
from staithe.kernel.vocabulary import tenant_id
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
TENANTS_MAX: Final = 1000


def load_tenants(path: Path) -> tuple[str, ...]:
    """The tenants in policies/tenants.yaml; raises ConfigurationError with the first fault."""
    try:
        tenants = yaml.safe_load(path.read_text())["tenants"]
        if not isinstance(tenants, list) or not 0 < len(tenants) <= TENANTS_MAX:
            raise TypeError
        return tuple(tenant_id(str(each)) for each in tenants)
    except (OSError, yaml.YAMLError, KeyError, TypeError, InvalidEvent) as error:
        raise ConfigurationError(
            f"{path} must hold a list `tenants` of DNS labels; take policies/tenants.yaml as the pattern",
            reason_code="TENANTS_UNREADABLE",
        ) from error


def issuer_url(ports: StackPorts) -> str:
    """The development issuer's URL, which every token of a local stack carries."""
    return f"https://{HOST}:{ports.of('issuer')}"


def ensure_identities(paths: StackPaths, ports: StackPorts, topology: Topology, tenants: tuple[str, ...]) -> None:
    """Make every key that is missing, and the public trust file; raises ConfigurationError on files that are open."""
    signers = {name: _ensure_signer(paths, name) for name, each in topology.services.items() if each.consumes}
    public = {name: base64.b64encode(signer.public_key).decode() for name, signer in signers.items()}
    write_atomically(paths.trust / LINEAGE_TRUST, json.dumps(public, indent=1).encode(), mode=0o600)
    _ensure_keyrings(paths, topology, tenants)
    issuer_key = paths.secrets_of(ISSUER) / ISSUER_KEY
    ensure_private_folder(issuer_key.parent)
    if not issuer_key.exists():
        DevelopmentIssuer.create(issuer_url(ports), issuer_key)
    for key in (paths.secrets_of("query") / AUDIT_KEY, paths.secrets_of("sanitization") / PSEUDONYM_KEY):
        if not key.exists():
            write_secret(key, generate_private_key())


def _ensure_signer(paths: StackPaths, service: str) -> Signer:
    path = paths.secrets_of(service) / SIGNING_KEY
    ensure_private_folder(path.parent)
    if not path.exists():
        Signer.generate().save(path)
    return Signer.from_file(path)


def _ensure_keyrings(paths: StackPaths, topology: Topology, tenants: tuple[str, ...]) -> None:
    openers = _openers(topology)
    private = {
        purpose: _ensure_private_keys(paths.secrets_of(opener) / KEYRING, purpose, _tenants_of(purpose, tenants))
        for purpose, opener in openers.items()
    }
    public = {
        purpose: {tenant: public_key_of(key) for tenant, key in keys.items()} for purpose, keys in private.items()
    }
    for name in (*topology.services, OPERATOR):
        seals = topology.services[name].seals if name in topology.services else ()
        write_keyring(
            paths.secrets_of(name) / KEYRING,
            seals={purpose: public[purpose] for purpose in seals},
            opens={purpose: keys for purpose, keys in private.items() if openers[purpose] == name},
        )


def _openers(topology: Topology) -> dict[str, str]:
    """Purpose → the one principal that opens it; what no service opens, the operator does."""
    openers = {purpose: name for name, service in topology.services.items() for purpose in service.opens}
    sealed = {purpose for service in topology.services.values() for purpose in service.seals}
    return {purpose: openers.get(purpose, OPERATOR) for purpose in sorted(sealed)}


def _tenants_of(purpose: str, tenants: tuple[str, ...]) -> tuple[str, ...]:
    return (OPERATOR_TENANT,) if purpose == DEAD_LETTER_PURPOSE else tenants


def _ensure_private_keys(keyring: Path, purpose: str, tenants: tuple[str, ...]) -> Mapping[str, bytes]:
    known = private_keys_in(keyring).get(purpose, {}) if keyring.exists() else {}
    return {**known, **{tenant: generate_private_key() for tenant in tenants if tenant not in known}}
