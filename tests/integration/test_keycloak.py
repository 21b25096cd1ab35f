"""Tokens of a real Keycloak: found by discovery, checked with its keys, also while those change."""

from typing import Any

import httpx
import pytest
import structlog
from aiohttp import web
from support.identity import Keycloak
from support.live import free_port

from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import AccessDenied
from staithe.kernel.http import api_application, caller_of, serve_https
from staithe.kernel.identity.verify import KEYS_SECONDS_MAX, KEYS_SECONDS_MIN, DiscoveredKeys, TokenVerifier
from staithe.kernel.tls import client_context
from staithe.kernel.vocabulary import Tier
from staithe.stack.pki import Usage
from staithe.stack.ports import HOST

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
AUDIENCE = "staithe-query"


class ShiftedClock(SystemClock):
    """The real time, with a monotonic clock that tests move on."""

    ahead = 1000.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


def verifier_of(keycloak: Keycloak, clock: ShiftedClock, audience: str = AUDIENCE) -> TokenVerifier:
    keys = DiscoveredKeys(keycloak.issuer_url, client_context(keycloak.authority.files.certificate), clock)
    return TokenVerifier(issuer_url=keycloak.issuer_url, audience=audience, keys=keys, clock=clock)


async def refused(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(AccessDenied) as refusal:
        await verifier.verify(token)
    return refusal.value.reason_code


async def test_application_gets_a_token_that_names_its_tenant_tier_and_scopes(
    keycloak: Keycloak, clock: ShiftedClock
) -> None:
    caller = await verifier_of(keycloak, clock).verify(keycloak.token())
    assert (caller.tenant_id, caller.tier, caller.groups) == ("harbour", Tier.OFFICE, frozenset())
    assert caller.scopes == {"search", "read"}


async def test_token_for_query_is_refused_by_every_other_service(keycloak: Keycloak, clock: ShiftedClock) -> None:
    token = keycloak.token()
    for other in ("staithe-ingestion", "staithe-sanitization", "staithe"):
        assert await refused(verifier_of(keycloak, clock, other), token) == "TOKEN_AUDIENCE"


async def test_token_of_another_realm_of_the_same_server_is_refused(keycloak: Keycloak, clock: ShiftedClock) -> None:
    with keycloak.client() as client:
        foreign: str = keycloak._admin(client)  # the master realm's, signed with a key of that realm
    assert await refused(verifier_of(keycloak, clock), foreign) == "TOKEN_INVALID"


async def test_keys_are_rotated_without_a_refused_token_and_the_old_one_is_withdrawn(
    keycloak: Keycloak, clock: ShiftedClock
) -> None:
    verifier = verifier_of(keycloak, clock)
    old = keycloak.token()
    await verifier.verify(old)
    first = keycloak.add_key(priority=200)
    clock.ahead += KEYS_SECONDS_MIN + 1
    newer = keycloak.token()
    await verifier.verify(newer)
    await verifier.verify(old)
    second = keycloak.add_key(priority=300)
    keycloak.admin("DELETE", f"components/{first}")
    clock.ahead += KEYS_SECONDS_MAX + 1
    newest = keycloak.token()
    await verifier.verify(newest)
    await verifier.verify(old)
    assert await refused(verifier, newer) == "TOKEN_INVALID"
    keycloak.admin("DELETE", f"components/{second}")


@pytest.mark.parametrize(
    ("attribute", "value"), [("tier", "4"), ("tier", "1 or 3"), ("tier", "0"), ("tenant", "*"), ("tenant", "Harbour")]
)
def test_realm_takes_no_user_with_an_impossible_tenant_or_tier(keycloak: Keycloak, attribute: str, value: str) -> None:
    user: dict[str, Any] = {
        "username": f"odd-{attribute}-{len(value)}", "email": "odd@example.com",
        "attributes": {"tenant": ["harbour"], "tier": ["1"], attribute: [value]},
    }  # fmt: skip
    with pytest.raises(AssertionError, match="400"):
        keycloak.admin("POST", "users", json=user)


@pytest.mark.parametrize(
    ("client_id", "form"),
    [
        ("staithe-console", {"grant_type": "password", "username": "x", "password": "y"}),
        ("staithe-console", {"grant_type": "client_credentials"}),
        ("staithe-app", {"grant_type": "client_credentials", "client_secret": "guessed"}),
        ("staithe-app-bound", {"grant_type": "client_credentials"}),
        ("staithe-app-bound", {"grant_type": "client_credentials", "client_secret": "guessed"}),
        ("nobody", {"grant_type": "client_credentials"}),
    ],
)
def test_realm_gives_no_token_by_any_other_way(keycloak: Keycloak, client_id: str, form: dict[str, str]) -> None:
    with keycloak.client() as client:
        answer = client.post("/protocol/openid-connect/token", data={"client_id": client_id, **form})
    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"},
        {"redirect_uri": "https://evil.example/"}, {"redirect_uri": "{console}/console/callback/../x"},
        {"redirect_uri": "{console}/"}, {"response_type": "token"}, {"response_type": "code token"},
    ],
)  # fmt: skip
def test_realm_shows_no_sign_in_for_a_request_that_the_console_would_not_make(
    keycloak: Keycloak, changed: dict[str, str | None]
) -> None:
    query = {
        "client_id": "staithe-console", "response_type": "code", "scope": "openid", "state": "s", "nonce": "n",
        "redirect_uri": "{console}/console/callback", "code_challenge": "c" * 43, "code_challenge_method": "S256",
    } | changed  # fmt: skip
    given = {name: value.format(console=keycloak.console_url) for name, value in query.items() if value is not None}
    with keycloak.client() as client:
        answer = client.get("/protocol/openid-connect/auth", params=given)
    assert 'name="password"' not in answer.text
    assert answer.status_code == 400 or "error=" in answer.headers["Location"]


async def test_bound_token_opens_with_its_certificate_only(keycloak: Keycloak, clock: ShiftedClock) -> None:
    own, other = (keycloak.leaf(name, Usage.CLIENT) for name in ("staithe-app-bound", "somebody"))
    token = keycloak.token("staithe-app-bound", certificate=own)
    application = api_application(verifier=verifier_of(keycloak, clock), logger=structlog.get_logger(), open_paths=())
    application.router.add_get("/who", _who)
    server, port = keycloak.leaf("query", Usage.SERVER), free_port()
    runner = await serve_https(
        application, host=HOST, port=port, certificate_file=server.certificate, private_key_file=server.key,
        clients_ca_file=keycloak.authority.files.certificate, strangers_too=True,
    )  # fmt: skip
    statuses = []
    for certificate, given in ((own, token), (other, token), (None, token), (None, keycloak.token())):
        files = () if certificate is None else (certificate.certificate, certificate.key)
        context = client_context(keycloak.authority.files.certificate, *files)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            headers = {"Authorization": f"Bearer {given}"}
            answer = await client.get(f"https://localhost:{port}/who", headers=headers)
        statuses.append((answer.status_code, answer.json().get("type", "").rpartition(":")[2]))
    await runner.cleanup()
    assert statuses == [(200, ""), (401, "token-bound"), (401, "token-bound"), (200, "")]


async def _who(request: web.Request) -> web.Response:
    return web.json_response({"subject": caller_of(request).subject})


def test_another_certificate_of_the_same_authority_gets_no_token(keycloak: Keycloak) -> None:
    with keycloak.client(keycloak.leaf("somebody", Usage.CLIENT)) as client:
        form = {"grant_type": "client_credentials", "client_id": "staithe-app-bound"}
        answer = client.post("/protocol/openid-connect/token", data=form)
    assert answer.status_code in {400, 401}


async def test_source_may_publish_and_nothing_else(keycloak: Keycloak, clock: ShiftedClock) -> None:
    token = keycloak.token("staithe-source")
    caller = await verifier_of(keycloak, clock, "staithe-ingestion").verify(token)
    assert caller.scopes == {"publish"}
    assert await refused(verifier_of(keycloak, clock), token) == "TOKEN_AUDIENCE"


def test_application_is_not_given_a_scope_that_it_asks_for(keycloak: Keycloak) -> None:
    form = {"grant_type": "client_credentials", "client_id": "staithe-app", "scope": "erase"}
    with keycloak.client() as client:
        answer = client.post(
            "/protocol/openid-connect/token", data={**form, "client_secret": keycloak._secret_of("staithe-app")}
        )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
