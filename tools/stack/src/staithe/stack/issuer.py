"""The development issuer: publishes discovery and keys of tokens that `staithe token` signs. Never for production.

It holds no private key: it serves a file of public ones. Run as `python -m staithe.stack.issuer`, TLS 1.3 only.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from staithe.kernel.http import SAFE_HEADERS, serve_https
from staithe.stack.ports import HOST


def application(issuer_url: str, keys: dict[str, object]) -> web.Application:
    """OpenID Connect discovery and the key set, nothing else."""
    discovery = {
        "issuer": issuer_url,
        "jwks_uri": f"{issuer_url}/jwks.json",
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
    }

    async def discover(_: web.Request) -> web.Response:
        return web.json_response(discovery, headers=SAFE_HEADERS)

    async def publish_keys(_: web.Request) -> web.Response:
        return web.json_response(keys, headers=SAFE_HEADERS)

    issuer = web.Application(client_max_size=1024)
    issuer.add_routes([web.get("/.well-known/openid-configuration", discover), web.get("/jwks.json", publish_keys)])
    return issuer


async def _serve(settings: dict[str, str], keys: dict[str, object]) -> None:
    runner = await serve_https(
        application(settings["STAITHE_ISSUER_URL"], keys), host=HOST, port=int(settings["STAITHE_ISSUER_PORT"]),
        certificate_file=Path(settings["STAITHE_ISSUER_CERTIFICATE_FILE"]),
        private_key_file=Path(settings["STAITHE_ISSUER_PRIVATE_KEY_FILE"]),
    )  # fmt: skip
    sys.stderr.write("DEVELOPMENT ISSUER: anybody who can read this stack's folder can mint any token.\n")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(dict(os.environ), json.loads(Path(os.environ["STAITHE_ISSUER_KEYS_FILE"]).read_text())))
