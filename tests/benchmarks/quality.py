"""Asks the labelled questions through the query API, each as its own caller: right, quick, permitted?"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import httpx
from chart import Bars
from measure import milliseconds, percentile
from report import Section, Table
from support.corpus import caller_of, collapsed, documents, may_see, questions
from support.live import LiveStack

SEARCH_RESULTS: Final = 50
"""As many as the API gives, so that a document's rank is known far down."""
HITS: Final = 5
CLIENTS: Final = 8
ROUNDS: Final = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One question, what the search found, and what the answer was."""

    row: Row
    results: list[Row]
    answer: Row

    @property
    def rank(self) -> int | None:
        """The place of the first expected document among the distinct documents found, from 1."""
        found = list(dict.fromkeys(each["document_id"] for each in self.results))
        ranks = [place for place, each in enumerate(found, 1) if each in self.row["expected_documents"]]
        return ranks[0] if ranks else None

    @property
    def contains(self) -> bool:
        """Whether a citation quotes what was expected."""
        return any(self.row["answer_contains"] in collapsed(each["quote"]) for each in self.answer["citations"])

    @property
    def right_source(self) -> bool:
        """Whether the first citation is from an expected document."""
        cited = self.answer["citations"]
        return bool(cited) and cited[0]["document_id"] in self.row["expected_documents"]

    def leaks(self) -> int:
        """How many results and citations the caller may not see, plus one for a text that must not be told."""
        known = documents()
        shown = [each["document_id"] for each in (*self.results, *self.answer["citations"])]
        hidden = [each for each in shown if each not in known or not may_see(self.row, known[each])]
        told = " ".join([self.answer["text"], *(each["text"] for each in self.results)])
        return len(hidden) + bool(self.row.get("must_not_contain") and self.row["must_not_contain"] in told)


class Asker:
    """Asks one service as many callers; one for each thread."""

    def __init__(self, stack: LiveStack, tokens: dict[str, str]) -> None:
        self._client, self._tokens = stack.client("query", None), tokens

    def search(self, row: Row, limit: int) -> list[Row]:
        """The results."""
        found: list[Row] = self._post("/v1/search", row, {"question": row["question"], "limit": limit})["results"]
        return found

    def answer(self, row: Row) -> Row:
        """The answer."""
        return self._post("/v1/answers", row, {"question": row["question"]})

    def stands(self, row: Row, citation: Row) -> bool:
        """Whether the quotation is the very characters of the document's text that it says it is."""
        headers = {"Authorization": f"Bearer {self._tokens[row['id']]}"}
        response = self._client.get(f"/v1/documents/{citation['document_id']}/content", headers=headers)
        response.raise_for_status()
        text: str = response.text
        return text[citation["span"]["start"] : citation["span"]["end"]] == citation["quote"]

    def _post(self, path: str, row: Row, body: Row) -> Row:
        headers = {"Authorization": f"Bearer {self._tokens[row['id']]}"}
        response: httpx.Response = self._client.post(path, json=body, headers=headers)
        response.raise_for_status()
        answer: Row = response.json()
        return answer

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()


def measure_quality(stack: LiveStack) -> Section:
    """The whole section: quality of retrieval and answers, refusals, leaks, latency."""
    kinds = questions()
    rows = [row for kind in ("questions", "unanswerable", "forbidden") for row in kinds[kind]]
    local = stack.local()
    tokens = {row["id"]: local.token(caller_of(row)) for row in rows}
    asker = Asker(stack, tokens)
    asked = {row["id"]: Asked(row, asker.search(row, SEARCH_RESULTS), asker.answer(row)) for row in rows}
    asker.close()
    of_kind = {kind: [asked[row["id"]] for row in kinds[kind]] for kind in kinds}
    answerable = of_kind["questions"]
    half = answerable[1::2]
    silent = {kind: of_kind[kind] for kind in ("unanswerable", "forbidden")}
    leaks = sum(each.leaks() for each in asked.values())
    section = Section("retrieval", "Retrieval and answers")
    names = ("questions", "hit@1", f"hit@{HITS}", "MRR", "answered", "right quote", "right source")
    section.tables.append(Table(("answerable", *names), [_row("all", answerable), _row("held-out half", half)]))
    refusals = [
        [kind, str(len(each)), _share(not one.answer["answered"] for one in each)] for kind, each in silent.items()
    ]
    section.tables.append(Table(("must not be answered", "questions", "refused"), refusals))
    section.tables.append(Table(("access", "count"), [["results or citations the caller may not see", str(leaks)]]))
    latency = _latencies(stack, tokens, kinds["questions"])
    section.tables.append(latency)
    section.charts.append(
        Bars(
            "Answerable questions, share",
            [
                ("hit@1", _mean(each.rank == 1 for each in answerable)), (f"hit@{HITS}", _mean(map(_hit, answerable))),
                ("mean reciprocal rank", _mean(map(_reciprocal, answerable))),
                ("answered", _mean(each.answer["answered"] for each in answerable)),
                ("right quotation", _mean(each.contains for each in answerable)),
            ],
            full=1.0, digits=2,
        )
    )  # fmt: skip
    section.notes += [
        (
            f"{len(documents())} sample documents of two tenants; each question asked over HTTPS with the caller's own "
            "tenant, tier and groups."
        ),
        (
            "A hit counts when an expected document is among the first distinct documents; a quotation is right when "
            "it holds the expected words, a source when the first citation is from an expected document."
        ),
        "The answering weights were chosen on the other half of the questions; the held-out half is what to trust.",
        f"Latency with {CLIENTS} clients includes waiting: clients and stack share the machine's cores.",
    ]
    return section


def measure_right(stack: LiveStack) -> Section:
    """Whether what is told is so: hits, quotations that stand in the document, and silence where nothing is known."""
    kinds = questions()
    rows = [row for kind in ("questions", "unanswerable", "forbidden") for row in kinds[kind]]
    local = stack.local()
    asker = Asker(stack, {row["id"]: local.token(caller_of(row)) for row in rows})
    asked = {row["id"]: Asked(row, asker.search(row, SEARCH_RESULTS), asker.answer(row)) for row in rows}
    cited = [(row, each) for row in rows for each in asked[row["id"]].answer["citations"]]
    verbatim = [asker.stands(row, each) for row, each in cited]
    asker.close()
    answerable = [asked[row["id"]] for row in kinds["questions"]]
    silent = [asked[row["id"]] for kind in ("unanswerable", "forbidden") for row in kinds[kind]]
    wrong = [each for each in silent if each.answer["answered"]]
    section = Section("query-right", "Right, cited, silent")
    section.tables.append(
        Table(
            ("over HTTPS, each question as its own caller", "of", "share"),
            [
                [f"hit@{HITS}", str(len(answerable)), f"{_mean(map(_hit, answerable)):.3f}"],
                ["quotations that stand verbatim in their document's text", str(len(verbatim)), _share(verbatim)],
                ["right quotation", str(len(answerable)), _share(each.contains for each in answerable)],
                ["unanswerable and forbidden questions that were refused", str(len(silent)), _share(
                    not each.answer["answered"] for each in silent
                )],
                ["of those that were not: quotations that stand verbatim", str(len(wrong)), _share(
                    all(asked_quote in verbatim_quotes(cited, verbatim) for asked_quote in _quotes(each))
                    for each in wrong
                )],
                ["results or citations the caller may not see", str(len(rows)), str(sum(
                    each.leaks() for each in asked.values()
                ))],
            ],
        )
    )  # fmt: skip
    section.notes.append(
        "A question that should have been refused and was not got quotations that stand in documents its caller may "
        "see, and that do not answer it."
    )
    return section


def _quotes(asked: Asked) -> list[tuple[str, str]]:
    return [(each["document_id"], each["quote"]) for each in asked.answer["citations"]]


def verbatim_quotes(cited: Sequence[tuple[Row, Row]], verbatim: Sequence[bool]) -> set[tuple[str, str]]:
    """Document and words of each quotation that stands where it says."""
    return {(each["document_id"], each["quote"]) for (_, each), good in zip(cited, verbatim, strict=True) if good}


def _row(name: str, asked: Sequence[Asked]) -> list[str]:
    ranks = (_mean(each.rank == 1 for each in asked), _mean(map(_hit, asked)), _mean(map(_reciprocal, asked)))
    return [
        name, str(len(asked)), *(f"{each:.3f}" for each in ranks), _share(each.answer["answered"] for each in asked),
        _share(each.contains for each in asked), _share(each.right_source for each in asked),
    ]  # fmt: skip


def _hit(asked: Asked) -> bool:
    return asked.rank is not None and asked.rank <= HITS


def _reciprocal(asked: Asked) -> float:
    return 1 / asked.rank if asked.rank else 0.0


def _mean(values: Any) -> float:
    listed = [float(each) for each in values]
    return sum(listed) / len(listed) if listed else float("nan")


def _share(values: Any) -> str:
    return f"{_mean(values):.1%}"


def _latencies(stack: LiveStack, tokens: dict[str, str], rows: Sequence[Row]) -> Table:
    calls: dict[str, Callable[[Asker, Row], Any]] = {
        "search": lambda asker, row: asker.search(row, 8), "answer": lambda asker, row: asker.answer(row)
    }  # fmt: skip
    table = []
    for name, call in calls.items():
        for clients in (1, CLIENTS):
            begin = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                lists = list(
                    pool.map(lambda share, call=call: _timed(stack, tokens, share, call), _shares(rows, clients))
                )
            seconds = [each for listed in lists for each in listed]
            rate = len(seconds) / (time.perf_counter() - begin)
            p50, p99 = milliseconds(percentile(seconds, 50)), milliseconds(percentile(seconds, 99))
            table.append(
                [f"{name}, {clients} client{'s' if clients > 1 else ''}", str(len(seconds)), p50, p99, f"{rate:.1f}/s"]
            )
    return Table(("latency", "requests", "p50", "p99", "rate"), table)


def _shares(rows: Sequence[Row], clients: int) -> list[list[Row]]:
    repeated = [row for _ in range(ROUNDS) for row in rows]
    return [repeated[start::clients] for start in range(clients)]


def _timed(
    stack: LiveStack, tokens: dict[str, str], rows: Sequence[Row], call: Callable[[Asker, Row], Any]
) -> list[float]:
    """Seconds of each request over one connection; the first, which makes the connection, is not counted."""
    asker = Asker(stack, tokens)
    call(asker, rows[0])
    seconds = []
    for row in rows:
        begin = time.perf_counter()
        call(asker, row)
        seconds.append(time.perf_counter() - begin)
    asker.close()
    return seconds
