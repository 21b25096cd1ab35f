"""A real Keycloak for tests: started, given users and keys through its own admin API, asked for tokens."""

import hashlib
import hmac
import json
import os
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx

from staithe.kernel.tls import client_context
from staithe.stack import keycloak, maven
from staithe.stack.layout import CachePaths, ensure_private_folder
from staithe.stack.limits import JAVA_START_TIMEOUT_S
from staithe.stack.pki import Authority, CertificateFiles, Usage, ensure_authority, ensure_leaf
from staithe.stack.processes import spawn, stop, wait_ready
from support.live import REPOSITORY, free_port

PASSWORD: Final = "quay-lantern-rope-tide"
OTP_SECRET: Final = "cargo-checked-at-quay"
"""Of every test user with a second factor."""
OTP_SECONDS: Final = 30


class Keycloak:
    """One process with the repository's realm. Everything blocks."""

    def __init__(self, folder: Path) -> None:
        ensure_private_folder(folder)
        pki = folder / "pki"
        ensure_private_folder(pki)
        self.authority: Authority = ensure_authority(pki, common_name="Staithe test identity")
        self._pki, self.console_port = pki, free_port()
        self.site = keycloak.KeycloakSite(
            folder / "keycloak", free_port(), self.leaf("keycloak", Usage.SERVER), self.authority.files.certificate,
            REPOSITORY / "deploy" / "keycloak" / "realm.json", f"https://localhost:{self.console_port}",
            bound_subject="CN=staithe-app-bound,O=Staithe local stack",
            bound_authority="CN=Staithe test identity,O=Staithe local stack",
        )  # fmt: skip
        self._admin_password = secrets.token_urlsafe(24)
        self._admin_token, self._admin_until = "", 0.0
        cache = CachePaths.of_user(dict(os.environ))
        program = keycloak.load_program(cache, maven.fetch, lambda *_: None)
        keycloak.prepare(self.site, program, admin_password=self._admin_password)
        self._spec = keycloak.describe(self.site, program)
        self._process: subprocess.Popen[bytes] | None = None

    def leaf(self, name: str, usage: Usage) -> CertificateFiles:
        """A certificate of the test's own authority."""
        return ensure_leaf(self.authority, self._pki, name, usage=usage)

    @property
    def issuer_url(self) -> str:
        return self.site.issuer_url

    @property
    def console_url(self) -> str:
        return self.site.console_url

    def start(self) -> None:
        """Return when the realm answers."""
        self._process = spawn(self._spec)
        wait_ready(self._process, self._spec, JAVA_START_TIMEOUT_S)

    def stop(self) -> None:
        """End the process, if it runs."""
        if self._process is not None:
            stop(self._process, self._spec)

    def client(self, certificate: CertificateFiles | None = None) -> httpx.Client:
        """An HTTPS client of the realm, with a certificate of its own where one is given."""
        files = () if certificate is None else (certificate.certificate, certificate.key)
        context = client_context(self.authority.files.certificate, *files)
        return httpx.Client(base_url=self.issuer_url, verify=context, timeout=30.0, trust_env=False)

    def token(self, client_id: str = "staithe-app", *, certificate: CertificateFiles | None = None) -> str:
        """An access token by client credentials: by secret, or by `certificate` alone (RFC 8705)."""
        form = {"grant_type": "client_credentials", "client_id": client_id}
        if certificate is None:
            form["client_secret"] = self._secret_of(client_id)
        with self.client(certificate) as client:
            answer = client.post("/protocol/openid-connect/token", data=form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def add_user(self, name: str, *, tenant: str, tier: int, groups: tuple[str, ...] = (), otp: bool = False) -> str:
        """Make a user with PASSWORD, and OTP_SECRET as a second factor where wanted; their subject."""
        described: dict[str, Any] = {"subType": "totp", "digits": 6, "counter": 0, "period": OTP_SECONDS}
        factor = {
            "type": "otp", "secretData": json.dumps({"value": OTP_SECRET}),
            "credentialData": json.dumps({**described, "algorithm": "HmacSHA1"}),
        }  # fmt: skip
        user = {
            "username": name, "enabled": True, "email": f"{name}@example.com", "firstName": name, "lastName": "Test",
            "attributes": {"tenant": [tenant], "tier": [str(tier)]}, "groups": list(groups),
            "credentials": [{"type": "password", "value": PASSWORD}, *([factor] if otp else [])],
        }  # fmt: skip
        answer = self.admin("POST", "users", json=user)
        return answer.headers["Location"].rpartition("/")[2]

    def add_key(self, priority: int) -> str:
        """A new signing key that is used from now on if its priority is the highest; its id as a component."""
        key = {
            "name": f"ec-{priority}", "providerId": "ecdsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
            "config": {"priority": [str(priority)], "ecdsaEllipticCurveKey": ["P-256"]},
        }  # fmt: skip
        return self.admin("POST", "components", json=key).headers["Location"].rpartition("/")[2]

    def admin(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call of the admin API below the realm; fails with its words when it is refused."""
        with self.client() as client:
            headers = {"Authorization": f"Bearer {self._admin(client)}"}
            address = f"{self.site.url}/admin/realms/{keycloak.REALM}/{path}"
            answer = client.request(method, address, headers=headers, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def _admin(self, client: httpx.Client) -> str:
        if time.monotonic() > self._admin_until:
            form = {
                "grant_type": "password", "client_id": "admin-cli", "username": keycloak.ADMIN,
                "password": self._admin_password,
            }  # fmt: skip
            answer = client.post(f"{self.site.url}/realms/master/protocol/openid-connect/token", data=form)
            assert answer.status_code == 200, answer.text
            self._admin_token = answer.json()["access_token"]
            self._admin_until = time.monotonic() + answer.json()["expires_in"] / 2
        return self._admin_token

    def _secret_of(self, client_id: str) -> str:
        [client] = self.admin("GET", "clients", params={"clientId": client_id}).json()
        secret: str = self.admin("GET", f"clients/{client['id']}/client-secret").json()["value"]
        return secret


def one_time_code(now: float) -> str:
    """The code of OTP_SECRET at `now` (RFC 6238)."""
    digest = hmac.digest(OTP_SECRET.encode(), int(now // OTP_SECONDS).to_bytes(8), hashlib.sha1)
    place = digest[-1] & 15
    return f"{(int.from_bytes(digest[place : place + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"
