"""Every bound of the local stack, each with its reason."""

from typing import Final

DOWNLOADS_IN_PARALLEL: Final = 8
"""More connections did not make 45 small files arrive sooner."""

DOWNLOAD_ATTEMPTS_MAX: Final = 3
"""A dropped connection is common, a third one in a row is an outage."""

DOWNLOAD_TIMEOUT_S: Final = 60
"""Longest silence of a server, not the longest download."""

DOWNLOAD_BYTES_MAX: Final = 256 << 20
"""The largest artifact has 177 MB; a longer body is not ours."""

UNPACKED_FILES_MAX: Final = 2_000
"""Keycloak unpacks to 494 files."""

UNPACKED_BYTES_MAX: Final = 512 << 20
"""Keycloak unpacks to 188 MB."""

DISK_FREE_BYTES_MIN: Final = 3 << 30
"""Downloads, unpacked programs, AOT caches and a day of experiments took 1.5 GB."""

MEMORY_AVAILABLE_BYTES_MIN: Final = 3 << 30
"""The whole stack stays under 4 GB and a fresh one uses well under 3."""

LOG_BYTES_MAX: Final = 16 << 20
"""A longer log is moved aside at the next start; one older generation is kept."""

LOG_TAIL_LINES: Final = 12
"""What fits under an error line on a terminal."""

LOG_TAIL_BYTES: Final = 8 << 10
"""Enough for LOG_TAIL_LINES, also with long Java stack frames."""

READY_POLL_S: Final = 0.05
"""Small against the 2 s of a start, large against the cost of one probe."""

PROBE_TIMEOUT_S: Final = 2.0
"""Loopback answers in milliseconds; a busy starting process deserves a little more."""

PROBE_BODY_BYTES_MAX: Final = 1 << 20
"""A readiness answer is a short list."""

KAFKA_MESSAGE_BYTES_MAX: Final = 8 << 20
"""Documents over 512 KiB travel as a claim check; a batch of embedded chunks needs a few MiB."""

KAFKA_REQUEST_BYTES_MAX: Final = 16 << 20
"""Two largest messages: no client may make the broker allocate more at once."""

KAFKA_QUEUED_REQUEST_BYTES_MAX: Final = 64 << 20
"""Requests waiting in memory, against a heap of 384 MB."""

KAFKA_CLIENT_CONNECTIONS_MAX: Final = 300
"""Six services with a few replicas need under 100; the rest is room for tools and tests."""

KAFKA_INTERNAL_CONNECTIONS_MAX: Final = 20
"""One broker talks to itself and to its controller."""

KAFKA_TRANSACTION_TIMEOUT_MS_MAX: Final = 60_000
"""A hung transaction hides everything behind it from readers; ours end within 15 s."""

KAFKA_OFFSETS_RETENTION_MINUTES: Final = 525_600
"""A year: a stack switched off for a holiday must not forget what it has processed (Kafka's own default is a week)."""

SCRAM_ITERATIONS: Final = 8_192
"""Passwords are 256 random bits; iterations only slow guessing of weak ones."""

REGISTRY_BODY_BYTES_MAX: Final = 1 << 20
"""Our largest schema has a few KiB."""

REGISTRY_CONNECTIONS_MAX: Final = 100
"""Six services ask once per schema and cache the answer."""

JAVA_START_TIMEOUT_S: Final = 120.0
"""A cold start without AOT cache on a loaded two-core machine took under 30 s."""

JAVA_STOP_TIMEOUT_S: Final = 15.0
"""A clean stop takes 1 s; after this the process is killed, which loses nothing that was acknowledged."""

FREE_BASE_ATTEMPTS_MAX: Final = 50
"""A machine on which 50 random port ranges are all busy has another problem."""

KEYCLOAK_BUILD_TIMEOUT_S: Final = 240.0
"""The one build took 12 s here; a loaded machine may need many times that."""

AOT_TRAINING_TIMEOUT_S: Final = 240.0
"""A training run takes 10 to 20 s; it stops here because it only saves time."""

CERTIFICATE_RELOAD_S: Final = 30
"""How often the registry looks for a new certificate: as often as it can."""

ROTATION_SECONDS_MAX: Final = 120.0
"""For a listener to show its new certificate, or a process to be ready again: the supervisor's own limit."""
