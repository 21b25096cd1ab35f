"""Makes what the Compose file mounts: .secrets/ (one folder per owner), .compose/ (data folders) and .env.

Certificates come from the `openssl` command (RFC 5280, ECDSA P-256), because the kernel's authority is limited to
loopback names on purpose. Nothing that exists is ever replaced: remove .secrets/ to start over.
"""

import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from staithe.kernel.crypto.sealing import generate_private_key, public_key_of, write_keyring
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.files import write_secret
from staithe.kernel.stream.letters import OPERATOR_TENANT
from staithe.kernel.topology import KEYRING_PURPOSE, Topology, load_topology
from staithe.render.compose import secret_owners, state_folders
from staithe.render.environment import secret_files
from staithe.render.kafka_config import BROKERS, broker_name, internal_name

PASSWORD_BYTES: Final = 32
SCRAM_ITERATIONS: Final = 8192
"""Kafka's own default minimum is 4096; the password is random, so more buys nothing."""
AUTHORITY_DAYS: Final = 1825
LEAF_DAYS: Final = 397
"""Compose has nothing that renews; longer than this, clients may refuse."""
OPENSSL_SECONDS_MAX: Final = 30


@dataclass(frozen=True)
class _Authority:
    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def key(self) -> Path:
        return self.folder / "ca.key"


def make_material(root: Path) -> list[str]:
    """Make everything under `root` that its Compose file needs; what to tell the user, line by line.

    Raises ConfigurationError when .secrets/ exists, or openssl is missing or fails.
    """
    topology = load_topology(root / "topology.yaml")
    home = root / ".secrets"
    if home.exists():
        raise ConfigurationError(f"{home} exists; remove it to make new secrets", reason_code="SECRETS_EXIST")
    if shutil.which("openssl") is None:
        raise ConfigurationError("the command openssl is missing; install OpenSSL 3", reason_code="OPENSSL_MISSING")
    for owner in (*secret_owners(topology), "trust", "authorities"):
        (home / owner).mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    _passwords(topology, home)
    _certificates(topology, home)
    _keys(topology, home)
    for folder in state_folders(topology):
        (root / ".compose" / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    user = f"STAITHE_UID={os.getuid()}\nSTAITHE_GID={os.getgid()}\n"
    write_secret(root / ".env", user.encode())
    _refuse_incomplete(topology, home)
    lines = [f"made {home}: keep it out of backups that others read"]
    if os.getuid() == 0:
        lines.append("warning: you are root, so every container would run as root; do this as an ordinary user")
    return lines


def _passwords(topology: Topology, home: Path) -> None:
    for owner, files in secret_owners(topology).items():
        for file in files:
            if file in {"kafka_password", "milvus_password", "admin_password"}:
                write_secret(home / owner / file, secrets.token_urlsafe(PASSWORD_BYTES).encode())
    verifier = _salted_verifier("operator", (home / "operator" / "kafka_password").read_bytes())
    for number in BROKERS:
        write_secret(home / broker_name(number) / "operator_scram", verifier.encode())
    settings = {
        "common": {
            "security": {
                "authorizationEnabled": True,
                "tlsMode": 2,
                "defaultRootPassword": secrets.token_urlsafe(PASSWORD_BYTES),
            }
        },
        "tls": {
            "serverPemPath": "/run/secrets/tls.pem",
            "serverKeyPath": "/run/secrets/tls.key",
            "caPemPath": "/run/secrets/ca.pem",
        },
    }
    # JSON is YAML.
    write_secret(home / "milvus" / "user.yaml", json.dumps(settings, indent=1).encode())


def _salted_verifier(name: str, password: bytes) -> str:
    """The form that `kafka-storage.sh format --add-scram` takes without the clear password (RFC 5802)."""
    salt = secrets.token_bytes(24)
    salted = hashlib.pbkdf2_hmac("sha512", password, salt, SCRAM_ITERATIONS)
    encoded = [base64.b64encode(each).decode() for each in (salt, salted)]
    return (
        f'SCRAM-SHA-512=[name={name},salt="{encoded[0]}",saltedpassword="{encoded[1]}",iterations={SCRAM_ITERATIONS}]'
    )


def _certificates(topology: Topology, home: Path) -> None:
    """Five authorities: for clients' listeners, brokers among themselves, Milvus, the keys, and the audit log."""
    listeners, brokers, milvus, keys, log = (
        _authority(home, name) for name in ("listeners", "brokers", "milvus", "keys", "log")
    )
    for number in BROKERS:
        folder = home / broker_name(number)
        _keystore(listeners, folder / "client_keystore.pem", broker_name(number), host=broker_name(number))
        _keystore(brokers, folder / "internal_keystore.pem", "broker", host=internal_name(number))
        write_secret(folder / "internal_ca.pem", brokers.certificate.read_bytes())
    for name, files in secret_owners(topology).items():
        if "tls.pem" in files:
            serves_log = name in topology.services and topology.services[name].serves.log is not None
            authority = log if serves_log else {"milvus": milvus, "keys": keys}.get(name, listeners)
            _leaf(authority, home / name / "tls.pem", home / name / "tls.key", name, host=name)
        for client, authority in (("milvus", milvus), ("keys", keys), ("log", log)):
            if f"{client}.pem" in files:
                _leaf(authority, home / name / f"{client}.pem", home / name / f"{client}.key", name, host=name)
    write_secret(home / "trust" / "keys_ca.pem", keys.certificate.read_bytes())
    write_secret(home / "trust" / "log_ca.pem", log.certificate.read_bytes())
    write_secret(home / "milvus" / "ca.pem", milvus.certificate.read_bytes())
    write_secret(home / "trust" / "ca.pem", listeners.certificate.read_bytes())
    write_secret(home / "trust" / "milvus_ca.pem", milvus.certificate.read_bytes())


def _authority(home: Path, name: str) -> _Authority:
    folder = home / "authorities" / name
    folder.mkdir(mode=0o700)
    authority = _Authority(folder)
    _openssl(
        "req", "-x509", *_NEW_KEY, "-keyout", str(authority.key), "-out", str(authority.certificate),
        "-days", str(AUTHORITY_DAYS), "-subj", f"/CN=staithe-compose-{name}",
        "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    return authority


_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")


def _leaf(authority: _Authority, certificate: Path, key: Path, common_name: str, *, host: str) -> None:
    _openssl(
        "req", "-x509", *_NEW_KEY, "-keyout", str(key), "-out", str(certificate), "-days", str(LEAF_DAYS),
        "-CA", str(authority.certificate), "-CAkey", str(authority.key), "-subj", f"/O=staithe/CN={common_name}",
        "-addext", f"subjectAltName=DNS:{host},DNS:{host}.localhost,DNS:localhost,IP:127.0.0.1",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "extendedKeyUsage=serverAuth,clientAuth",
    )  # fmt: skip
    for path in (certificate, key):
        path.chmod(0o600)


def _keystore(authority: _Authority, path: Path, common_name: str, *, host: str) -> None:
    """One PEM file with key and certificate, as Kafka reads it."""
    certificate, key = path.with_suffix(".crt"), path.with_suffix(".key")
    _leaf(authority, certificate, key, common_name, host=host)
    write_secret(path, key.read_bytes() + certificate.read_bytes())
    certificate.unlink()
    key.unlink()


def _openssl(*arguments: str) -> None:
    done = subprocess.run(
        ["openssl", *arguments], capture_output=True, check=False, timeout=OPENSSL_SECONDS_MAX, umask=0o077
    )
    if done.returncode != 0:
        raise ConfigurationError(
            f"openssl {arguments[0]} failed with {done.returncode}; OpenSSL 3 is needed", reason_code="OPENSSL_FAILED"
        )


def _keys(topology: Topology, home: Path) -> None:
    signers = {name: Signer.generate() for name in topology.services if "signing.key" in secret_files(topology, name)}
    for name, signer in signers.items():
        signer.save(home / name / "signing.key")
    for name in topology.services:
        for file in {"audit.key", "console.key", "pseudonym.key"}.intersection(secret_files(topology, name)):
            write_secret(home / name / file, secrets.token_bytes(PASSWORD_BYTES))
    public = {name: base64.b64encode(signer.public_key).decode() for name, signer in signers.items()}
    write_secret(home / "trust" / "lineage.json", json.dumps(public, indent=1, sort_keys=True).encode())
    own = generate_private_key()
    write_keyring(home / "operator" / "keyring.json", seals={}, opens={KEYRING_PURPOSE: {OPERATOR_TENANT: own}})
    to_operator = {KEYRING_PURPOSE: {OPERATOR_TENANT: public_key_of(own)}}
    for name in topology.services:
        if "keyring.json" in secret_files(topology, name):
            write_keyring(home / name / "keyring.json", seals=to_operator, opens={})
    write_secret(home / "keys" / "passphrase", secrets.token_urlsafe(PASSWORD_BYTES).encode())


def _refuse_incomplete(topology: Topology, home: Path) -> None:
    missing = [
        home / owner / file
        for owner, files in secret_owners(topology).items()
        for file in files
        if not (home / owner / file).is_file()
    ]
    if missing:
        raise ConfigurationError(f"nothing makes {missing[0]}; this is a bug", reason_code="SECRET_UNMADE")
