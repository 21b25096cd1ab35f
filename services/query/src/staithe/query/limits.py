"""Every bound of the query service, with its reason."""

from typing import Final

QUESTION_CHARACTERS_MAX: Final = 2_000
"""The model reads 256 tokens, about 1,000 characters; the rest leaves room for a long-winded question."""

REQUEST_BYTES_MAX: Final = 16 * 1024
"""A question of 2,000 characters, each escaped as \\uXXXX, is 12 KB of JSON."""

RESULTS_DEFAULT: Final = 8
RESULTS_MAX: Final = 50
"""A person reads a page; a program that wants everything wants another interface."""
RESULTS_PER_DOCUMENT_MAX: Final = 3
"""One long manual must not push every other source off the page."""

CANDIDATES_MIN: Final = 24
"""Permitted hits of each list, by meaning and by words, that are fused: three times a usual page."""
CANDIDATES_FACTOR: Final = 2
FETCH_SPARE_PART: Final = 3
"""A third more rows are asked for than are needed: most drops are superseded versions, deleted within seconds."""
FETCH_FACTOR: Final = 3
FETCH_MAX: Final = 256
"""As many as the store hands out in one search."""
FETCH_ROUNDS_MAX: Final = 3
"""Each round is three times as wide, so the third reaches FETCH_MAX; a fourth could find nothing more."""

ANSWER_PASSAGES_MAX: Final = 10
"""Chunks an answer is looked for in. The right one is nearly always among the first five."""
SENTENCES_ENCODED_MAX: Final = 16
"""At 1 to 3 ms each on one core this keeps an answer under 70 ms; with 24 no more questions were answered rightly."""
SENTENCES_SHORTLISTED_MAX: Final = 6
"""Of these the best, encoded once more under their title and heading."""
SENTENCES_CITED_MAX: Final = 3
CITATIONS_MAX: Final = 6
"""Of an answer, whoever worded it."""
SENTENCE_CHARACTERS_MAX: Final = 600
"""Longer ones are cut at a space: a quotation that fills the screen answers nothing."""

ENCODE_THREADS: Final = 2
"""One encoder call per core is fastest; two is the smallest machine we support."""
ENCODE_WAITING_MAX: Final = 128
"""Two shares of an answer's sentences for each of REQUESTS_MAX: a request that was let in is not turned away here."""
SEARCH_THREADS: Final = 8
SEARCH_WAITING_MAX: Final = 128
"""A search by meaning and one by words for each of REQUESTS_MAX."""
PUBLISH_THREADS: Final = 16
"""Each blocks until the broker acknowledges, a few milliseconds."""
PUBLISH_WAITING_MAX: Final = 64

REQUESTS_MAX: Final = 64
"""Requests under way in one process; more would only wait on the encoder."""
REQUESTS_PER_CALLER_MAX: Final = 16
"""A quarter, so that one caller cannot shut out the others."""
REQUEST_SECONDS_MAX: Final = 20.0
"""Above the broker's and the store's own limits (10 s each), below what a proxy waits for."""

TELLING_SECONDS: Final = 1.0
"""Kept back of a streamed request's time, to tell that it failed."""

CHAT_BYTES_MAX: Final = 256 * 1024
"""Chat clients send the whole conversation each time; only its last message is read."""
CHAT_MESSAGES_MAX: Final = 1_024
CHAT_PARTS_MAX: Final = 64

DOCUMENT_ID_CHARACTERS_MAX: Final = 200
PART_CHARACTERS_DEFAULT: Final = 20_000
"""About 5,000 tokens: a part of a document that a language model can take in beside its other work."""
PART_CHARACTERS_MAX: Final = 200_000

LANGUAGE_CHARACTERS_MAX: Final = 12_000
"""Of passages sent to a language model: about 3,000 tokens, as much as ten chunks."""
LANGUAGE_REPLY_TOKENS_MAX: Final = 600
LANGUAGE_REPLY_BYTES_MAX: Final = 32 * 1024
"""Six sentences as JSON are 4 KB; what is longer was not asked for."""
LANGUAGE_SENTENCES_MAX: Final = 6
LANGUAGE_CONNECTIONS_MAX: Final = 8
LANGUAGE_FAILURES_MAX: Final = 3
LANGUAGE_PAUSE_SECONDS: Final = 30.0
"""How long a provider that failed so often in a row is left alone: its callers get quotations at once meanwhile."""

RATED_CALLERS_MAX: Final = 10_000
"""Callers whose requests are counted; one more makes us forget the one seen longest ago."""

BROKEN_AUDITED_MAX: Final = 8
"""Audit events about unusable chunks per request; the metric counts them all."""
STRANGERS_AUDITED_PER_MINUTE_MAX: Final = 60
"""Requests without a valid token that reach the audit log; beyond that only the metric counts them,
or anybody who can reach the port could fill the log."""

CONTENT_GAP_CHARACTERS_MAX: Final = 4_096
"""Blank space between two chunks that is put back; a longer gap means that a chunk is missing."""

CLOSE_SECONDS_MAX: Final = 1.5
"""For letting go of Kafka after the last answer: with the drain of 8 s it stays within the 10 s a process has."""

EVIDENCE_BYTES_MAX: Final = 16 * 1024 * 1024
"""As much as the audit log ever sends for one answer."""
EVIDENCE_FETCH_SECONDS_MAX: Final = 10.0
EVIDENCE_WAIT_SECONDS_MAX: Final = 5.0
"""How long a request waits for entries that are on their way; usually they take a second."""
EVIDENCE_POLL_SECONDS: Final = 0.5
EVIDENCE_EXPECTED_SECONDS_MAX: Final = 120.0
"""An answer older than this that the log does not have is not on its way any more."""

SIGN_IN_SECONDS_MAX: Final = 600
"""From leaving for the provider to coming back: long enough to look for a telephone."""
SIGN_INS_REMEMBERED_MAX: Final = 10_000
"""Sign-ins that came back and may not come back again; one more forgets the oldest, whose code is long spent."""
EXCHANGES_MAX: Final = 16
"""Codes being exchanged at once: anybody can make us ask the provider, so not more often than it bears."""
EXCHANGE_SECONDS_MAX: Final = 5.0
METADATA_SECONDS_MAX: Final = 300.0
"""As long as its keys are kept."""
COOKIE_BYTES_MAX: Final = 3_800
"""Browsers keep 4,096 bytes, the name and its attributes included (RFC 6265bis)."""
PARAMETER_CHARACTERS_MAX: Final = 2_048
"""Of what a provider sends back: codes have some hundred characters."""
