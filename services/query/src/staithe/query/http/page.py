"""The API's description as one page for people: plain HTML without scripts, outside addresses or anything to load."""

import base64
import hashlib
from html import escape
from typing import Any, Final

_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}"
    "code,pre{font:14px/1.4 ui-monospace,monospace}table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}"
    "th,td{border:1px solid #8886;padding:.3rem .5rem;text-align:left;vertical-align:top}summary{cursor:pointer}"
    "h2{margin-top:2.5rem;border-top:1px solid #8886;padding-top:1rem}"
)
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy under which the page is whole: its own style and nothing else."""


def page(described: dict[str, Any]) -> str:
    """`described`, an OpenAPI document of ours, as HTML."""
    schemas = described["components"]["schemas"]
    operations = [
        (path, method, each) for path, methods in described["paths"].items() for method, each in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{escape(each["operationId"])}"><code>{method.upper()} {escape(path)}</code></a></li>'
        for path, method, each in operations
    )
    title = escape(described["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f"<h1>{title}</h1><p>{escape(described['info']['description'])} Every call needs "
        "<code>Authorization: Bearer &lt;token&gt;</code>. For programs: "
        f'<a href="/openapi.json">/openapi.json</a>.</p><ul>{contents}</ul>'
        + "".join(_operation(path, method, each) for path, method, each in operations)
        + "<h2>Shapes</h2>"
        + "".join(_schema(name, each) for name, each in schemas.items())
        + "</main></body></html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody")
    sends = f"<p>Sends {_content(body['content'])}.</p>" if body else ""
    answers = "".join(
        f"<tr><td>{status}</td><td>{escape(each['description'])}</td><td>{_content(each.get('content', {}))}</td></tr>"
        for status, each in sorted(operation["responses"].items())
    )
    return (
        f'<h2 id="{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></h2>'
        f"<p>{escape(operation['summary'])} {escape(operation['description'])}</p>{sends}"
        f"<table><thead><tr><th>status</th><th>when</th><th>body</th></tr></thead><tbody>{answers}</tbody></table>"
    )


def _content(content: dict[str, Any]) -> str:
    return ", ".join(f"<code>{escape(kind)}</code> {_type(each['schema'])}" for kind, each in content.items()) or "none"


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(each)}</td><td>{'yes' if field in required else ''}</td>"
        f"<td>{escape(each.get('description', ''))}</td></tr>"
        for field, each in schema.get("properties", {}).items()
    )
    return (
        f'<details id="shape-{escape(name)}"><summary><code>{escape(name)}</code> '
        f"{escape(schema.get('description', ''))}</summary><table><thead><tr><th>member</th><th>type</th>"
        f"<th>required</th><th>meaning</th></tr></thead><tbody>{rows}</tbody></table></details>"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, with a link where it is one of the shapes."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#shape-{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(each) for each in schema[several])
    if "const" in schema:
        return f"<code>{escape(repr(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    kind = schema.get("type", "anything")
    return f"list of {_type(schema.get('items', {}))}" if kind == "array" else escape(str(kind))
