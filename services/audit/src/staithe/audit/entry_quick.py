"""Recognises the usual entry at a glance, for checking millions: a quick yes, or no opinion.

Yes means that `decode_entry` accepts these very bytes: the shapes are the policy's own, joined to one pattern for the
canonical form. No opinion means that `decode_entry` must be asked. A test holds the two together.
"""

import re
from functools import lru_cache
from typing import Final

from staithe.audit import policy
from staithe.audit.limits import ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX
from staithe.kernel.errors import InvalidEvent
from staithe.kernel.events import Outcome
from staithe.kernel.vocabulary import tenant_id

_HASH: Final = 'null|"[0-9a-f]{64}"'
_NATURAL: Final = "0|[1-9][0-9]{0,14}"
"""Below 2^53 whatever the digits; larger ones are left to `decode_entry`."""
_PAIR: Final = r'"[a-z0-9_]+":"[^"\\]*"'
_FIELDS: Final = (
    ("action", f'"(?:{policy.ACTION.pattern})"'),
    ("attributes", rf"\{{((?:{_PAIR}(?:,{_PAIR})*)?)\}}"),
    ("document_version", f"(?:{_NATURAL})"),
    ("entry_version", "1"),
    ("event_id", f'"({policy.EVENT_ID.pattern})"'),
    ("input_sha256", f"(?:{_HASH})"),
    ("occurred_at", f"(?:{_NATURAL})"),
    ("outcome", f'"(?:{"|".join(Outcome)})"'),
    ("output_sha256", f"(?:{_HASH})"),
    ("reason_code", f'"(?:{policy.REASON_CODE.pattern})"'),
    ("service", f'"(?:{policy.SERVICE.pattern})"'),
    ("subject_sha256", f"(?:{_HASH})"),
    ("tenant_id", '"([a-z0-9-]*)"'),
    ("traceparent", f'"(?:{policy.TRACEPARENT.pattern})"'),
)
_ENTRY: Final = re.compile(r"\{" + ",".join(f'"{name}":{shape}' for name, shape in _FIELDS) + r"\}")
_ATTRIBUTE: Final = re.compile(r'"([a-z0-9_]+)":"([^"\\]*)"')


def recognised_event_id(entry: bytes) -> bytes | None:
    """The 16 bytes of the entry's event id when it is surely a proper entry, None when `decode_entry` must tell."""
    try:
        match = _ENTRY.fullmatch(entry.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if match is None or not _tenant_fits(match[3]) or not _attributes_fit(match[1]):
        return None
    return bytes.fromhex(match[2].replace("-", ""))


def _attributes_fit(text: str) -> bool:
    before = ""
    pairs = _ATTRIBUTE.findall(text)
    for name, value in pairs:
        shape = policy.ATTRIBUTES.get(name)
        if shape is None or name <= before or len(value) > ATTRIBUTE_BYTES_MAX or not shape.fullmatch(value):
            return False
        before = name
    return len(pairs) <= ATTRIBUTES_MAX and sum(name in policy.LISTS for name, _ in pairs) <= 1


@lru_cache(maxsize=1024)
def _tenant_fits(tenant: str) -> bool:
    try:
        return not tenant or bool(tenant_id(tenant))
    except InvalidEvent:
        return False
