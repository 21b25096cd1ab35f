"""Sign-in at an OpenID provider: one way in, and every other way refused; the provider lies where it is told to."""

import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from staithe.kernel.errors import ConfigurationError, Unavailable
from staithe.kernel.events import Outcome
from staithe.kernel.files import write_secret
from staithe.kernel.identity.verify import DiscoveredKeys, TokenVerifier
from staithe.kernel.tls import client_context, server_context
from staithe.query.authentication import AuthenticationPolicy
from staithe.query.http.sign_in.cookies import SESSION, SIGN_IN, SealedCookies
from staithe.query.http.sign_in.provider import ConsoleClient, OpenIdProvider
from staithe.query.http.sign_in.routes import SignIn
from staithe.query.http.sign_in.session import ConsoleSessions
from staithe.query.http.step_up import demand_of
from staithe.stack.pki import CertificateFiles, Usage, ensure_authority, ensure_leaf

URL, CLIENT = "https://console.example", "staithe-console"
BEGIN, CALLBACK, SESSION_PATH, SIGN_OUT = (
    f"/console/{each}" for each in ("sign-in", "callback", "session", "sign-out")
)
KEY, STRANGER = (ECKey.generate_key("P-256", {"kid": "k"}) for _ in range(2))
NOW = 1_790_000_000
UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
QUESTION = {"question": "how many days of paid leave"}
TEXT = "Everyone has 27 days of paid leave a year."


def signed(claims: dict[str, Any], *, key: Any = KEY, typ: str = "JWT") -> str:
    return jwt.encode({"alg": "ES256", "typ": typ, "kid": "k"}, claims, key)


class FakeProvider:
    """An OpenID provider over TLS. Codes are good once; `identity` and `access` change what its tokens say."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.identity: dict[str, Any] = {}
        self.access: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.strong = {"acr": "aal2", "amr": ["pwd", "otp"]}
        self.answer: Callable[[dict[str, Any]], Any] = lambda body: body
        self.status, self.key = 200, KEY
        self.forms: list[dict[str, str]] = []
        self._numbers = itertools.count()
        application = web.Application()
        application.add_routes(
            [
                web.get("/.well-known/openid-configuration", self.discovery), web.get("/keys", self.keys),
                web.post("/token", self.token),
            ]
        )  # fmt: skip
        self.server = TestServer(application, scheme="https")

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def discovery(self, _: web.Request) -> web.Response:
        return web.json_response({
            "issuer": self.url, "jwks_uri": f"{self.url}/keys", "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "end_session_endpoint": f"{self.url}/leave",
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": True, **self.metadata,
        })  # fmt: skip

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response(KeySet([KEY]).as_dict(private=False))

    def authorize(self, location: str) -> dict[str, str]:
        """What a person who signs in brings back to the console."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = f"code-{next(self._numbers)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if asked is None or challenge.decode() != asked["code_challenge"] or form["redirect_uri"] != f"{URL}{CALLBACK}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        access = signed({
            "iss": self.url, "aud": "query", "sub": "person", "exp": NOW + 300, "iat": NOW, "tenant": "harbour",
            "tier": 1, "groups": [], "scope": "search read",
            **(self.strong if asked.get("acr_values") == "aal2" else {"acr": "aal1", "amr": ["pwd"]}), **self.access,
        }, typ="at+jwt", key=self.key)  # fmt: skip
        identity = {
            "iss": self.url, "aud": CLIENT, "sub": "person", "exp": NOW + 60, "iat": NOW, "nonce": asked["nonce"],
            "preferred_username": "alice", **self.identity,
        }  # fmt: skip
        given = {name: value for name, value in identity.items() if value is not None}
        body = {"access_token": access, "id_token": signed(given, key=self.key), "token_type": "Bearer"}
        return web.json_response(self.answer(body), status=self.status)


class Door:
    """The query service with sign-in, and a browser that keeps cookies as it is told to."""

    def __init__(self, world: Any, client: Any, provider: FakeProvider) -> None:
        self.world, self.client, self.provider = world, client, provider
        self.cookies: dict[str, str] = {}

    async def send(self, method: str, path: str, **options: Any) -> Any:
        sent = {"Host": "console.example", "Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}
        sent |= options.pop("headers", {})
        answer = await self.client.request(method, path, headers=sent, allow_redirects=False, **options)
        for line in answer.headers.getall("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0" or not morsel.value:
                    del self.cookies[name]
        return answer

    async def leave(self) -> dict[str, str]:
        """Go to the provider and sign in there; what to come back with."""
        return self.provider.authorize((await self.send("GET", BEGIN)).headers["Location"])

    async def come_back(self, given: Any) -> str:
        """Where the console sends a browser that comes back with `given`."""
        answer = await self.send("GET", CALLBACK, params=given)
        assert answer.status == 303
        return str(answer.headers["Location"])

    async def sign_in(self) -> dict[str, Any]:
        assert await self.come_back(await self.leave()) == "/"
        return await self.session()

    async def session(self) -> dict[str, Any]:
        found: dict[str, Any] = await (await self.send("GET", SESSION_PATH)).json()
        return found

    async def refused(self, given: Any) -> str:
        """The reason for which `given` was refused: no session, in the log, and not to be tried again."""
        location = await self.come_back(given)
        assert SESSION not in self.cookies
        assert SIGN_IN not in self.cookies
        reason = location.removeprefix("/#refused=")
        event = self.world.publisher.audited()[-1]
        assert (event.action, event.outcome, event.reason_code) == (
            "query.sign_in_refused", Outcome.REFUSED, reason,
        )  # fmt: skip
        return reason


@pytest.fixture
def leaf(tmp_path: Path) -> CertificateFiles:
    authority = ensure_authority(tmp_path, common_name="test")
    return ensure_leaf(authority, tmp_path, "provider", usage=Usage.SERVER)


@pytest.fixture
async def provider(leaf: CertificateFiles) -> AsyncIterator[FakeProvider]:
    made = FakeProvider()
    await made.server.start_server(ssl=server_context(leaf.certificate, leaf.key))
    yield made
    await made.server.close()


@pytest.fixture
async def door(
    new_world: Any, provider: FakeProvider, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Door]:
    rules = getattr(request, "param", [])
    clock = new_world().clock
    tls = client_context(tmp_path / "ca.pem")
    keys = DiscoveredKeys(provider.url, tls, clock)
    cookies = SealedCookies(b"k" * 32, clock)
    sign_in = SignIn(
        OpenIdProvider(provider.url, ConsoleClient(CLIENT, URL, "openid"), keys=keys, tls=tls, clock=clock),
        cookies,
        ConsoleSessions(cookies, URL),
    )
    verifier = TokenVerifier(
        issuer_url=provider.url, audience="query", keys=keys, clock=clock,
        demand=demand_of(AuthenticationPolicy.model_validate({"rules": rules})),
    )  # fmt: skip
    world = new_world(sign_in=sign_in, verifier=verifier)
    world.clock = clock
    async with TestClient(TestServer(world.application)) as client:
        yield Door(world, client, provider)
    world.close()


def from_page(word: str, **changed: str) -> dict[str, str]:
    """The headers of a request by the console's own page."""
    return {"Staithe-Console": word, "Sec-Fetch-Site": "same-origin", "Origin": URL, **changed}


# The way in


async def test_person_signs_in_asks_and_signs_out(door: Door) -> None:
    door.world.add(TEXT)
    session = await door.sign_in()
    assert (session["signed_in"], session["claims"]["sub"], session["claims"]["tier"]) == (True, "alice", 1)
    answer = await door.send("POST", "/v1/answers", json=QUESTION, headers=from_page(session["word"]))
    assert (answer.status, (await answer.json())["answered"]) == (200, True)
    out = await door.send("POST", SIGN_OUT, headers=from_page(session["word"]))
    assert (await out.json())["location"].startswith(f"{door.provider.url}/leave?client_id={CLIENT}&post_logout")
    assert not (await door.session())["signed_in"]
    assert (await door.send("POST", "/v1/answers", json=QUESTION, headers=from_page(session["word"]))).status == 401
    actions = [event.action for event in door.world.publisher.audited()]
    assert actions[:3] == ["query.signed_in", "query.answered", "query.signed_out"]


async def test_request_to_the_provider_has_state_nonce_and_challenge_anew_each_time(door: Door) -> None:
    asked = [parse_qs(urlsplit((await door.send("GET", BEGIN)).headers["Location"]).query) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name][0]) == 43
        assert asked[0][name] != asked[1][name]
    assert asked[0]["code_challenge_method"] == ["S256"]
    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["redirect_uri"] == [f"{URL}{CALLBACK}"]


async def test_cookies_are_for_this_host_and_no_script_and_tell_nothing(door: Door) -> None:
    begun = await door.send("GET", BEGIN)
    back = await door.send("GET", CALLBACK, params=door.provider.authorize(begun.headers["Location"]))
    lines = [begun.headers["Set-Cookie"], back.headers.getall("Set-Cookie")[0]]
    for line, name, same_site in zip(lines, (SIGN_IN, SESSION), ("Lax", "Strict"), strict=True):
        parts = {part.strip() for part in line.split(";")}
        assert line.startswith(f"{name}=")
        assert {"HttpOnly", "Secure", "Path=/", f"SameSite={same_site}"} <= parts
        assert not any(part.startswith("Domain") for part in parts)
    assert "person" not in str(lines)
    verifier = door.provider.forms[0]["code_verifier"]
    assert verifier not in str(lines)
    assert len(verifier) == 43


# Coming back with something else


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "another"}, "SIGN_IN_STATE"), ({"state": ""}, "SIGN_IN_STATE"), ({"state": None}, "SIGN_IN_STATE"),
        ({"state": "\u00e9"}, "SIGN_IN_STATE"),
        ({"iss": "https://evil.example"}, "ISSUER_MISMATCH"), ({"iss": None}, "ISSUER_MISMATCH"),
        ({"iss": ""}, "ISSUER_MISMATCH"),
        ({"code": "code-of-somebody-else"}, "CODE_REFUSED"), ({"code": None}, "PROVIDER_REFUSED"),
        ({"code": ""}, "PROVIDER_REFUSED"), ({"code": "x" * 3000}, "SIGN_IN_MALFORMED"),
        ({"error": "access_denied"}, "PROVIDER_REFUSED"),
        ({"error": "login_required", "code": None}, "PROVIDER_REFUSED"),
    ],
)  # fmt: skip
async def test_response_that_is_not_ours_is_refused(door: Door, change: dict[str, str | None], reason: str) -> None:
    given = {name: value for name, value in {**await door.leave(), **change}.items() if value is not None}
    assert await door.refused(given) == reason


async def test_parameter_that_comes_twice_is_refused(door: Door) -> None:
    given = await door.leave()
    assert await door.refused([*given.items(), ("state", given["state"])]) == "SIGN_IN_MALFORMED"


async def test_response_without_a_sign_in_of_this_browser_is_refused(door: Door) -> None:
    given = await door.leave()
    door.cookies.clear()
    assert await door.refused(given) == "SIGN_IN_MISSING"
    assert door.provider.forms == []


async def test_response_in_another_browser_s_sign_in_is_refused(door: Door) -> None:
    victim = await door.leave()
    await door.leave()  # the same browser again: the second state replaces the first
    assert await door.refused(victim) == "SIGN_IN_STATE"


async def test_same_response_twice_is_refused_the_second_time(door: Door) -> None:
    given, cookies = await door.leave(), dict(door.cookies)
    assert await door.come_back(given) == "/"
    door.cookies = dict(cookies)
    assert await door.refused(given) == "SIGN_IN_SPENT"
    assert len(door.provider.forms) == 1


async def test_code_that_the_provider_has_seen_is_refused(door: Door) -> None:
    spent = await door.leave()
    await door.come_back(spent)
    door.cookies.clear()
    assert await door.refused({**await door.leave(), "code": spent["code"]}) == "CODE_REFUSED"


async def test_sign_in_that_took_too_long_is_refused(door: Door) -> None:
    given = await door.leave()
    door.world.clock.now += 601_000
    assert await door.refused(given) == "SIGN_IN_MISSING"


@pytest.mark.parametrize("change", [lambda each: each[:-2], lambda each: each[:40] + "A" + each[41:], lambda _: "x.y"])
async def test_changed_cookie_is_no_sign_in_and_no_session(door: Door, change: Callable[[str], str]) -> None:
    given = await door.leave()
    door.cookies[SIGN_IN] = change(door.cookies[SIGN_IN])
    assert await door.refused(given) == "SIGN_IN_MISSING"
    await door.sign_in()
    door.cookies[SESSION] = change(door.cookies[SESSION])
    assert not (await door.session())["signed_in"]


async def test_cookie_of_one_kind_is_none_of_the_other(door: Door) -> None:
    await door.sign_in()
    given = await door.leave()
    door.cookies = {SIGN_IN: door.cookies[SESSION], SESSION: door.cookies[SIGN_IN]}
    assert not (await door.session())["signed_in"]
    door.cookies.pop(SESSION)
    assert await door.refused(given) == "SIGN_IN_MISSING"


# Tokens


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "another"}, "ID_TOKEN_NONCE"), ({"nonce": None}, "ID_TOKEN_NONCE"), ({"nonce": 5}, "ID_TOKEN_NONCE"),
        ({"iss": "https://evil.example"}, "ID_TOKEN_ISSUER"), ({"iss": None}, "ID_TOKEN_ISSUER"),
        ({"aud": "another-client"}, "ID_TOKEN_AUDIENCE"), ({"aud": [CLIENT, "another"]}, "ID_TOKEN_AUDIENCE"),
        ({"aud": []}, "ID_TOKEN_AUDIENCE"), ({"aud": None}, "ID_TOKEN_AUDIENCE"),
        ({"azp": "another-client"}, "ID_TOKEN_AUDIENCE"),
        ({"exp": NOW - 31}, "ID_TOKEN_EXPIRED"),
        ({"exp": None}, "ID_TOKEN_EXPIRED"), ({"exp": "9"}, "ID_TOKEN_EXPIRED"),
        ({"iat": NOW - 700}, "ID_TOKEN_EXPIRED"), ({"iat": NOW + 60}, "ID_TOKEN_EXPIRED"),
        ({"iat": None}, "ID_TOKEN_EXPIRED"),
        ({"sub": "somebody-else"}, "ID_TOKEN_SUBJECT"), ({"sub": None}, "ID_TOKEN_SUBJECT"),
        ({"at_hash": "AAAA"}, "ID_TOKEN_AT_HASH"),
    ],
)  # fmt: skip
async def test_id_token_that_is_not_of_this_sign_in_is_refused(door: Door, claims: Any, reason: str) -> None:
    door.provider.identity = claims
    assert await door.refused(await door.leave()) == reason


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "ingestion"}, "TOKEN_AUDIENCE"), ({"exp": NOW - 31}, "TOKEN_EXPIRED"),
        ({"tenant": None}, "TOKEN_CLAIMS"),
        ({"tier": 4}, "TOKEN_CLAIMS"), ({"iss": "https://evil.example"}, "TOKEN_ISSUER"),
        ({"pad": "x" * 3000}, "SESSION_TOO_LARGE"),
    ],
)  # fmt: skip
async def test_access_token_is_checked_as_every_request_s_is(door: Door, claims: Any, reason: str) -> None:
    door.provider.access = claims
    assert await door.refused(await door.leave()) == reason


async def test_tokens_signed_by_a_stranger_are_refused(door: Door) -> None:
    door.provider.key = STRANGER
    assert await door.refused(await door.leave()) == "ID_TOKEN_INVALID"


@pytest.mark.parametrize(
    "answer",
    [
        lambda body: {**body, "id_token": body["access_token"]},
        lambda body: {**body, "access_token": body["id_token"]},
        lambda body: {**body, "id_token": f"{UNSIGNED}.{UNSIGNED}."},
    ],
)
async def test_one_kind_of_token_in_the_place_of_the_other_is_refused(door: Door, answer: Any) -> None:
    door.provider.answer = answer
    assert await door.refused(await door.leave()) in {"ID_TOKEN_INVALID", "ID_TOKEN_AUDIENCE", "TOKEN_TYPE"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: [], lambda _: {"error": "invalid_grant"}, lambda body: {**body, "id_token": None},
        lambda body: {**body, "token_type": "DPoP"}, lambda body: {**body, "access_token": 5},
    ],
)  # fmt: skip
async def test_answer_without_both_tokens_is_refused(door: Door, answer: Any) -> None:
    door.provider.answer = answer
    assert await door.refused(await door.leave()) == "CODE_REFUSED"


@pytest.mark.parametrize("status", [500, 503])
async def test_provider_that_fails_gives_no_session(door: Door, status: int) -> None:
    door.provider.status = status
    assert await door.refused(await door.leave()) == "ISSUER_UNAVAILABLE"


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"issuer": "https://evil.example"}, 403), ({"code_challenge_methods_supported": ["plain"]}, 403),
        ({"code_challenge_methods_supported": None}, 403), ({"token_endpoint": "http://plain.example/token"}, 403),
        ({"authorization_endpoint": "javascript:alert(1)"}, 403), ({"pad": "x" * 70_000}, 503),
    ],
)  # fmt: skip
async def test_nobody_is_sent_to_a_provider_that_is_not_what_it_must_be(door: Door, metadata: Any, status: int) -> None:
    door.provider.metadata = metadata
    answer = await door.send("GET", BEGIN)
    assert answer.status == status
    assert "Location" not in answer.headers
    assert door.cookies == {}


async def test_without_the_audit_log_nobody_is_signed_in(door: Door) -> None:
    given = await door.leave()
    door.world.publisher.failures["audit.events.v1"] = Unavailable("no broker", reason_code="BROKER_UNAVAILABLE")
    assert await door.come_back(given) == "/#refused=BROKER_UNAVAILABLE"
    assert SESSION not in door.cookies


# How strongly one must have signed in

SECOND_FACTOR = [{"id": "second-factor", "any_of": [{"acr": ["aal2"], "amr": ["otp"]}]}]
BOUND = [{"id": "applications", "any_of": [{"bound": True}]}]


@pytest.mark.parametrize("door", [SECOND_FACTOR], indirect=True)
async def test_sign_in_that_is_too_weak_goes_on_to_a_second_factor_once(door: Door) -> None:
    further = await door.come_back(await door.leave())
    assert parse_qs(urlsplit(further).query)["acr_values"] == ["aal2"]
    assert SESSION not in door.cookies
    assert await door.come_back(door.provider.authorize(further)) == "/"
    assert (await door.session())["signed_in"]


@pytest.mark.parametrize("door", [SECOND_FACTOR], indirect=True)
@pytest.mark.parametrize("given", [{"acr": "aal1"}, {"acr": "aal2"}, {"acr": "aal2", "amr": "otp"}, {"amr": ["otp"]}])
async def test_provider_that_does_not_ask_for_it_signs_nobody_in(door: Door, given: dict[str, Any]) -> None:
    door.provider.strong = given
    further = await door.come_back(await door.leave())
    assert await door.refused(door.provider.authorize(further)) == "AUTHENTICATION_INSUFFICIENT"


@pytest.mark.parametrize("door", [BOUND], indirect=True)
async def test_rule_that_no_person_can_meet_is_said_at_once(door: Door) -> None:
    assert await door.refused(await door.leave()) == "AUTHENTICATION_INSUFFICIENT"


@pytest.mark.parametrize("door", [SECOND_FACTOR], indirect=True)
async def test_caller_of_the_api_is_told_what_to_ask_the_issuer_for(door: Door) -> None:
    weak = signed({
        "iss": door.provider.url, "aud": "query", "sub": "person", "exp": NOW + 300, "tenant": "harbour", "tier": 1,
        "scope": "search",
    }, typ="at+jwt")  # fmt: skip
    answer = await door.send("POST", "/v1/search", json=QUESTION, headers={"Authorization": f"Bearer {weak}"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_user_authentication", acr_values="aal2"'
    assert door.world.publisher.audited()[-1].action == "query.unauthenticated"


# Where one is sent


@pytest.mark.parametrize("name", ["return_to", "next", "redirect_uri", "url", "RelayState"])
async def test_nothing_in_a_request_says_where_to_go(door: Door, name: str) -> None:
    evil = {name: "https://evil.example/"}
    begun = await door.send("GET", BEGIN, params=evil)
    assert begun.headers["Location"].startswith(f"{door.provider.url}/authorize?")
    assert "evil" not in begun.headers["Location"]
    given = door.provider.authorize(begun.headers["Location"])
    assert await door.come_back({**given, **evil}) == "/"


@pytest.mark.parametrize("host", ["evil.example", "console.example:444", "console.example.evil.example"])
async def test_another_host_name_leads_to_our_own(door: Door, host: str) -> None:
    begun = await door.send("GET", BEGIN, headers={"Host": host})
    assert begun.headers["Location"] == f"{URL}{BEGIN}"
    assert door.cookies == {}


# Requests in a session


@pytest.mark.parametrize(
    "changed",
    [
        {"Staithe-Console": ""}, {"Staithe-Console": "guessed"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": ""},
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"{URL}.evil.example"}, {"Origin": ""},
        {"Origin": "http://console.example"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/answers", SIGN_OUT])
async def test_request_that_another_page_makes_is_refused(door: Door, changed: dict[str, str], path: str) -> None:
    session = await door.sign_in()
    answer = await door.send("POST", path, json=QUESTION, headers=from_page(session["word"], **changed))
    assert answer.status == 401
    assert (await answer.json())["type"] == "urn:staithe:problem:not-from-the-console"
    assert (await door.session())["signed_in"]


async def test_word_of_another_session_is_refused(door: Door) -> None:
    other = (await door.sign_in())["word"]
    await door.sign_in()
    assert (await door.send("POST", "/v1/answers", json=QUESTION, headers=from_page(other))).status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/documents/leave"), ("POST", "/v1/search"), ("GET", "/v1/documents/leave"), ("POST", "/mcp"),
        ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("PUT", "/v1/answers"),
    ],
)  # fmt: skip
async def test_session_counts_for_what_the_page_does_and_nothing_else(door: Door, method: str, path: str) -> None:
    session = await door.sign_in()
    answer = await door.send(method, path, headers=from_page(session["word"]))
    assert answer.status == 401


async def test_session_ends_with_its_token(door: Door) -> None:
    session = await door.sign_in()
    kept = dict(door.cookies)
    door.world.clock.now += 331_000
    door.cookies = kept
    assert not (await door.session())["signed_in"]
    assert (await door.send("POST", "/v1/answers", json=QUESTION, headers=from_page(session["word"]))).status == 401


async def test_token_in_the_header_counts_before_the_session(door: Door) -> None:
    session = await door.sign_in()
    headers = from_page(session["word"], Authorization="Bearer a.b.c")
    assert (await door.send("POST", "/v1/answers", json=QUESTION, headers=headers)).status == 401


async def test_console_without_a_provider_asks_for_a_token(client: Any) -> None:
    assert await (await client.get(SESSION_PATH)).json() == {"sign_in": "token", "signed_in": False}
    for path in (BEGIN, CALLBACK):
        assert (await client.get(path)).status == 404
    assert (await client.post(SIGN_OUT)).status == 404


def test_short_key_is_refused(tmp_path: Path, new_world: Any) -> None:
    write_secret(tmp_path / "key", b"k" * 31)
    with pytest.raises(ConfigurationError):
        SealedCookies.from_file(tmp_path / "key", new_world().clock)
