"""Finds people, places, organisations and street addresses in text by the network, block by block."""

from staithe.sanitization.detect.blocks import blocks
from staithe.sanitization.detect.names.network import Network
from staithe.sanitization.detect.names.spans import Span, spans
from staithe.sanitization.detect.names.tokens import tokenise


class NameTagger:
    """Tags text. One instance serves many threads; a text of any length takes the memory of one block."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def find(self, text: str) -> list[Span]:
        """Every span in order, none overlapping, in characters of `text`."""
        found: list[Span] = []
        for start, end in blocks(text):
            block = text[start:end]
            tokens = tokenise(block, self._network.alphabet, self._network.lexicon)
            if not len(tokens.starts):
                continue
            found += [
                Span(each.entity, start + each.start, start + each.end, each.score)
                for each in spans(block, tokens, self._network.probabilities(tokens.features))
            ]
        return found
