"""Chooses a response's media type by the Accept header (RFC 9110, section 12.5.1)."""

from aiohttp import web

from staithe.kernel.problems import Problem


def require_accepts(request: web.Request, media_type: str) -> None:
    """Return when the caller takes `media_type`; raise Problem 406 otherwise."""
    header = ",".join(request.headers.getall("Accept", []))
    if header.strip() and not _accepts(header, media_type):
        raise Problem(406, "not-acceptable", f"This answer comes as {media_type} only.")


def _accepts(header: str, media_type: str) -> bool:
    """The most specific range that matches decides; a weight of zero refuses."""
    family = media_type.partition("/")[0]
    rank = {media_type: 3, f"{family}/*": 2, "*/*": 1}
    best, accepted = 0, False
    for each in header.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if rank.get(name, 0) > best:
            best, accepted = rank[name], not any(_is_zero(parameter) for parameter in parameters)
    return accepted


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().rstrip("0").rstrip(".") in {"", "0"}
