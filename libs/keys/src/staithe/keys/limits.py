"""Every bound of the key service and of its clients, with its reason."""

from typing import Final

KEYS_PER_REQUEST_MAX: Final = 256
"""As many documents as one search can return."""

REQUEST_BYTES_MAX: Final = 256 * 1024
"""KEYS_PER_REQUEST_MAX of the longest ids there are, with room for JSON."""

SECRETS_CACHED_MAX: Final = 4_096
"""Unwrapped secrets in memory, about 1 MB: a document's stages ask within seconds of each other."""

REWRAP_ROWS_MAX: Final = 256
"""Rows rewrapped in one transaction: requests wait for it, so it must take milliseconds."""

DENIALS_AUDITED_PER_MINUTE_MAX: Final = 60
"""Refused requests that reach the audit log; beyond that only the metric counts: no loop may fill it."""

TENANTS_MAX: Final = 10_000
"""Names in the tenant file: a few MB in memory."""

BACKEND_SECONDS_MAX: Final = 5.0
"""One call to OpenBao; longer, and the client's own limit ends first."""

CLIENT_SECONDS_MAX: Final = 8.0
"""One request to the key service: above the backend's limit, below what a request of a person waits for."""

PUBLIC_KEYS_CACHED_MAX: Final = 8_192
PUBLIC_KEY_SECONDS_MAX: Final = 600.0
"""Public keys are no secret; after an erasure they seal what nobody can open, which loses nothing that should live."""

TERM_KEYS_CACHED_MAX: Final = 1_024
TERM_KEY_SECONDS_MAX: Final = 600.0
"""A tenant's term key never changes; forgetting it bounds how long a service that lost the right still has it."""

PRIVATE_KEYS_CACHED_MAX: Final = 4_096
PRIVATE_KEY_SECONDS_MAX: Final = 300.0
"""A reader that hears of no erasure forgets a key after this; one that hears of it forgets at once."""
