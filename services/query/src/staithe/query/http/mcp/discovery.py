"""Where an MCP client without a token finds the issuer: protected resource metadata (RFC 9728), and where that is."""

from typing import Final

from aiohttp import web

from staithe.kernel.problems import Handler
from staithe.query.http.guards import MCP_PATH
from staithe.query.policy import SCOPE_READ, SCOPE_SEARCH

METADATA_PATH: Final = f"/.well-known/oauth-protected-resource{MCP_PATH}"
_CHALLENGE: Final = "WWW-Authenticate"


def resource_metadata(issuer_url: str) -> Handler:
    """The handler of METADATA_PATH: public, the same for everybody."""

    async def metadata(request: web.Request) -> web.Response:
        return web.json_response(
            {
                "resource": f"{origin_of(request)}{MCP_PATH}", "resource_name": "Staithe",
                "authorization_servers": [issuer_url], "bearer_methods_supported": ["header"],
                "scopes_supported": [SCOPE_SEARCH, SCOPE_READ],
            }
        )  # fmt: skip

    return metadata


@web.middleware
async def challenge_with_metadata(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: a challenge to an MCP client says where the metadata is."""
    response = await handler(request)
    if request.path == MCP_PATH and _CHALLENGE in response.headers and not response.prepared:
        separator = ", " if " " in response.headers[_CHALLENGE] else " "
        response.headers[_CHALLENGE] += f'{separator}resource_metadata="{origin_of(request)}{METADATA_PATH}"'
    return response


def origin_of(request: web.Request) -> str:
    """Scheme and authority under which the caller reached us."""
    return f"{request.scheme}://{request.host}"
