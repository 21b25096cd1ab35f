"""Trains the model of injections: `make train-injection`, or `python train.py MODEL NAMES_MODEL`. Seeded; a minute."""

import argparse
import hashlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import lists
import numpy as np
from corpus import Corpus
from numpy.typing import NDArray
from phrases import Phrases
from prose import passages
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from staithe.sanitization.detect.injection.grams import ROWS, rows_of
from staithe.sanitization.detect.names.network import unpack
from staithe.sanitization.detect.names.tokens import Alphabet, words_of

PENALTY = 2e-5
"""Of the squared weights: larger is rounder, and worse on what it has seen."""


def matrix(texts: list[str], alphabet: Alphabet) -> Any:
    """How often each row of weights counts in each text."""
    places = [rows_of(words_of(text, alphabet).hashes).ravel() for text in texts]
    owners = np.repeat(np.arange(len(texts)), [len(each) for each in places])
    flat = np.concatenate(places)
    return csr_matrix((np.ones(len(flat), np.float32), (owners, flat)), shape=(len(texts), ROWS))


def fit(counts: Any, labels: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights and bias by logistic regression (L-BFGS)."""

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = values[:-1], values[-1]
        scores = counts @ weights + bias
        cost = np.logaddexp(0, scores) - labels * scores
        error = (1 / (1 + np.exp(-scores)) - labels) / len(labels)
        gradient = np.append(counts.T @ error + 2 * PENALTY * weights, error.sum())
        return float(cost.mean() + PENALTY * weights @ weights), gradient

    best = minimize(loss, np.zeros(counts.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return best.x[:-1], float(best.x[-1])


def main() -> None:
    """Train, write the model and print its SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("names_model", type=Path, help="its alphabet folds the words")
    parser.add_argument("--passages", type=int, default=25_000)
    parser.add_argument("--seed", type=int, default=20_261_126)
    arguments = parser.parse_args()
    with np.load(arguments.names_model) as arrays:
        alphabet = unpack({name: arrays[name] for name in arrays.files}).alphabet
    made = list(Phrases(arguments.seed, held_out=False).passages(arguments.passages))
    made += [
        (each.text, False)
        for each in Corpus(lists.load(), arguments.seed, held_out=False).documents(arguments.passages)
    ]
    made += [(each, False) for each in passages(arguments.passages, arguments.seed)]
    texts, labels = zip(*made, strict=True)
    weights, bias = fit(matrix(list(texts), alphabet), np.array(labels, float))
    held_texts, held = zip(*Phrases(arguments.seed + 1, held_out=True).passages(4_000), strict=True)
    scores = matrix(list(held_texts), alphabet) @ weights + bias
    truth = np.array(held)
    for probability in (0.5, 0.9, 0.99):
        least = np.log(probability / (1 - probability))
        sys.stdout.write(f"· lines never seen, at {probability}: recall {np.mean(scores[truth] >= least):.3f}, "
                         f"benign pass {np.mean(scores[~truth] < least):.3f}\n")  # fmt: skip
    scale = np.abs(weights).max() / 127
    content = io.BytesIO()
    np.savez_compressed(
        content, classes=alphabet.classes, folded=alphabet.folded, weights=np.rint(weights / scale).astype(np.int8),
        scale=np.float32(scale), bias=np.float32(bias),
    )  # fmt: skip
    part = arguments.model.with_suffix(".part")
    part.write_bytes(content.getvalue())
    os.replace(part, arguments.model)  # noqa: PTH105 - one act: whoever looks sees the old file or the new one
    sys.stdout.write(f"✓ {arguments.model}: {len(content.getvalue())} bytes, "
                     f"sha256 {hashlib.sha256(content.getvalue()).hexdigest()}\n")  # fmt: skip


if __name__ == "__main__":
    main()
