"""The secrets step makes all that the Compose file mounts, readable by its owner only, and replaces nothing."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from staithe.kernel.crypto.sealing import KeyringOpener, KeyringSealer, SealContext
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError
from staithe.kernel.lineage import load_trusted_keys
from staithe.kernel.topology import load_topology
from staithe.render import render_compose
from staithe.render.__main__ import main
from staithe.render.material import make_material

ROOT = Path(__file__).parents[3]
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "topology.yaml", root)
    make_material(root)
    return root


@needs_openssl
def test_every_file_the_compose_file_mounts_is_there(made: Path) -> None:
    compose = yaml.safe_load(render_compose(load_topology(made / "topology.yaml")))
    for secret in compose["secrets"].values():
        assert (made / secret["file"]).is_file()
    sources = [mount["source"] for each in compose["services"].values() for mount in each.get("volumes", ())]
    ours = [source for source in sources if source.startswith(("./.secrets", "./.compose"))]
    assert ours
    assert all((made / source).exists() for source in ours)


@needs_openssl
def test_nothing_is_open_to_others(made: Path) -> None:
    paths = [made / ".secrets", *(made / ".secrets").rglob("*")]
    assert [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


@needs_openssl
def test_certificates_verify_under_their_own_authority_only(made: Path) -> None:
    home = made / ".secrets"

    def verifies(authority: str, leaf: str) -> bool:
        command = [
            "openssl",
            "verify",
            "-purpose",
            "sslserver",
            "-CAfile",
            str(home / "authorities" / authority / "ca.pem"),
        ]
        return (
            subprocess.run([*command, str(home / leaf)], capture_output=True, check=False, timeout=30).returncode == 0
        )

    assert verifies("listeners", "query/tls.pem")
    assert verifies("listeners", "kafka-1/client_keystore.pem")
    assert verifies("brokers", "kafka-1/internal_keystore.pem")
    assert verifies("milvus", "milvus/tls.pem")
    assert verifies("milvus", "indexing/milvus.pem")
    assert not verifies("brokers", "kafka-1/client_keystore.pem")
    assert not verifies("brokers", "query/tls.pem")
    assert verifies("keys", "keys/tls.pem")
    assert not verifies("listeners", "ingestion/keys.pem")
    assert not verifies("listeners", "query/milvus.pem")


@needs_openssl
def test_keys_work_together(made: Path) -> None:
    home = made / ".secrets"
    trusted = load_trusted_keys(home / "trust" / "lineage.json")
    assert trusted["ingestion"] == Signer.from_file(home / "ingestion" / "signing.key").public_key
    context = SealContext(purpose="record", tenant_id="staithe", document_id="topic/0/1", document_version=0)
    sealed = KeyringSealer.from_file(home / "embedding" / "keyring.json").seal(context, b"text")
    assert KeyringOpener.from_file(home / "operator" / "keyring.json").open(context, sealed) == b"text"


@needs_openssl
def test_writer_cannot_open_what_it_seals(made: Path) -> None:
    keyring = json.loads((made / ".secrets" / "embedding" / "keyring.json").read_text())
    assert keyring["opens"] == {}


@needs_openssl
def test_broker_gets_a_salted_verifier_not_the_password(made: Path) -> None:
    home = made / ".secrets"
    password = (home / "operator" / "kafka_password").read_text()
    verifier = (home / "kafka-1" / "operator_scram").read_text()
    assert verifier.startswith("SCRAM-SHA-512=[name=operator,salt=")
    assert password not in verifier


@needs_openssl
def test_existing_secrets_are_never_replaced(made: Path) -> None:
    with pytest.raises(ConfigurationError, match="exists"):
        make_material(made)


def test_missing_openssl_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "topology.yaml", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="OpenSSL 3"):
        make_material(tmp_path)


@pytest.mark.parametrize("verb", ["write", "check", "secrets"])
def test_missing_map_is_exit_2(tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, str(tmp_path)]) == 2
    assert "topology.yaml" in capsys.readouterr().err


def test_check_tells_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "topology.yaml", tmp_path)
    assert main(["check", str(tmp_path)]) == 1
    assert "stale docker-compose.yml" in capsys.readouterr().out
    assert main(["write", str(tmp_path)]) == 0
    assert main(["check", str(tmp_path)]) == 0
