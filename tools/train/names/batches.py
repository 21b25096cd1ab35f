"""Turns labelled documents into rows of features and labels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from corpus import Labelled
from numpy.typing import NDArray

from staithe.sanitization.detect.names.network import LABELS, REACH
from staithe.sanitization.detect.names.tokens import TABLES, Alphabet, Lexicon, Tokens, tokenise

NOTHING = -1
"""The label, and the feature row, of the gap between two documents: it counts for nothing."""


@dataclass(frozen=True)
class Rows:
    """Features (one row a token, gaps included) and labels."""

    features: NDArray[np.int32]
    labels: NDArray[np.int64]


def rows(documents: Iterable[Labelled], alphabet: Alphabet, lexicon: Lexicon) -> Rows:
    """All documents below each other, as far apart as the network can see."""
    gap = np.full((len(TABLES), REACH), NOTHING, np.int32)
    features, labels = [gap], [np.full(REACH, NOTHING)]
    for document in documents:
        tokens = tokenise(document.text, alphabet, lexicon)
        features += [tokens.features, gap]
        labels += [labels_of(document, tokens), np.full(REACH, NOTHING)]
    return Rows(np.ascontiguousarray(np.concatenate(features, axis=1).T), np.concatenate(labels))


def labels_of(document: Labelled, tokens: Tokens) -> NDArray[np.int64]:
    """The label of each token."""
    labels = np.zeros(len(tokens.starts), np.int64)
    for start, end, entity in document.spans:
        inside = np.flatnonzero((tokens.ends > start) & (tokens.starts < end))
        if len(inside):
            labels[inside] = LABELS.index(f"I-{entity}")
            labels[inside[0]] = LABELS.index(f"B-{entity}")
    return labels


def batches(whole: Rows, size: int, random: np.random.Generator) -> Iterator[Rows]:
    """Runs of about `size` tokens in random order, each beginning and ending in a gap."""
    gaps = np.flatnonzero((whole.labels[1:] != NOTHING) & (whole.labels[:-1] == NOTHING)) + 1
    cuts = [0]
    for gap in gaps:
        if gap - cuts[-1] >= size:
            cuts.append(int(gap))
    cuts.append(len(whole.labels))
    for index in random.permutation(len(cuts) - 1):
        part = slice(cuts[index], cuts[index + 1])
        yield Rows(whole.features[part], whole.labels[part])
