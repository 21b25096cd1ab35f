"""Trains the model of names: `make train-names`, or `python train.py MODEL`. Seeded; minutes on one core.

The network's gradients are written out by hand below: it has three layers, and a framework would be a hundred times
larger than what it would be used for. Equal seeds and libraries on equal processors give an equal file; elsewhere sums
are rounded otherwise, and the file that is released is the one in the repository.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import lexicon as lexicon_
import lists as lists_
import numpy as np
from batches import NOTHING, Rows, batches, rows
from corpus import Corpus
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from staithe.sanitization.detect.names.network import LABELS, REACH_FIRST, REACH_SECOND, Network, pack
from staithe.sanitization.detect.names.tokens import TABLES

WIDTH, HIDDEN = 32, 64
BATCH_TOKENS = 4_000
RATE, RATE_END = 3e-3, 2e-4
WORD_DROPPED, NAME_DROPPED, KEPT = 0.35, 0.25, 0.8
NAME_BITS = lexicon_.FIRST | lexicon_.LAST | lexicon_.CITY | lexicon_.COUNTRY

Floats = NDArray[np.float32]


class Trainer:
    """Weights, and Adam's averages of their gradients (Kingma and Ba, 2015)."""

    def __init__(self, random: np.random.Generator) -> None:
        def normal(*shape: int, scale: float) -> Floats:
            return (random.standard_normal(shape) * scale).astype(np.float32)

        first, second = (2 * REACH_FIRST + 1) * WIDTH, (2 * REACH_SECOND + 1) * HIDDEN
        self.random = random
        self.weights: dict[str, Floats] = {
            **{f"table{index}": normal(count, WIDTH, scale=0.1) for index, count in enumerate(TABLES)},
            "first": normal(first, HIDDEN, scale=(2 / first) ** 0.5), "first_bias": np.zeros(HIDDEN, np.float32),
            "second": normal(second, HIDDEN, scale=(2 / second) ** 0.5), "second_bias": np.zeros(HIDDEN, np.float32),
            "out": normal(HIDDEN, len(LABELS), scale=0.1), "out_bias": np.zeros(len(LABELS), np.float32),
        }  # fmt: skip
        self.mean = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self.square = {name: np.zeros_like(value) for name, value in self.weights.items()}
        self.steps = 0

    def step(self, batch: Rows, rate: float) -> float:
        """One update; the mean loss of a token."""
        loss, gradients = self._gradients(self._thinned(batch))
        self.steps += 1
        scale = rate * (1 - 0.999**self.steps) ** 0.5 / (1 - 0.9**self.steps)
        for name, gradient in gradients.items():
            mean, square = self.mean[name], self.square[name]
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            self.weights[name] -= scale * mean / (np.sqrt(square) + 1e-8)
        return loss

    def _thinned(self, batch: Rows) -> Rows:
        """Some words unknown, and some names known to no list: what is left must do."""
        features = batch.features.copy()
        named = batch.labels > 0
        draw = self.random.random(len(named))
        features[(draw < WORD_DROPPED) & (named | (draw < WORD_DROPPED / 4)) & (features[:, 0] >= 0), 0] = 0
        forgotten = (self.random.random(len(named)) < NAME_DROPPED) & (features[:, 6] > 0)
        features[forgotten, 6] &= ~NAME_BITS
        return Rows(features, batch.labels)

    def _gradients(self, batch: Rows) -> tuple[float, dict[str, Floats]]:
        weights, real = self.weights, batch.labels != NOTHING
        count = len(real)
        spread = [_one_hot(batch.features[:, index], rows_) for index, rows_ in enumerate(TABLES)]
        embedded = sum(matrix @ weights[f"table{index}"] for index, matrix in enumerate(spread))
        seen = _windows(embedded, REACH_FIRST)
        lower = np.maximum(seen @ weights["first"] + weights["first_bias"], 0) * real[:, None]
        kept = (self.random.random(lower.shape, np.float32) < KEPT).astype(np.float32) / np.float32(KEPT)
        lower *= kept
        around = _windows(lower, REACH_SECOND)
        upper = np.maximum(around @ weights["second"] + weights["second_bias"], 0)
        scores = upper @ weights["out"] + weights["out_bias"]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        likely = scores / scores.sum(axis=1, keepdims=True)
        loss = -float(np.log(likely[np.arange(count), batch.labels][real] + 1e-9).mean())
        error = likely.copy()
        error[np.arange(count), np.maximum(batch.labels, 0)] -= 1
        error *= (real / real.sum())[:, None].astype(np.float32)
        found: dict[str, Any] = {"out": upper.T @ error, "out_bias": error.sum(axis=0)}
        error = (error @ weights["out"].T) * (upper > 0)
        found |= {"second": around.T @ error, "second_bias": error.sum(axis=0)}
        error = _unwindowed(error @ weights["second"].T, REACH_SECOND) * kept * (lower > 0)
        found |= {"first": seen.T @ error, "first_bias": error.sum(axis=0)}
        error = _unwindowed(error @ weights["first"].T, REACH_FIRST)
        found |= {f"table{index}": matrix.T @ error for index, matrix in enumerate(spread)}
        return loss, found


def _one_hot(chosen: NDArray[np.int32], width: int) -> Any:
    real = np.flatnonzero(chosen != NOTHING)
    values = np.ones(len(real), np.float32)
    return csr_matrix((values, (real, chosen[real])), shape=(len(chosen), width))


def _windows(values: Floats, reach: int) -> Floats:
    padded = np.pad(values, ((reach, reach), (0, 0)))
    return np.concatenate([padded[shift : shift + len(values)] for shift in range(2 * reach + 1)], axis=1)


def _unwindowed(gradient: Floats, reach: int) -> Floats:
    """The transpose of `_windows`."""
    width = gradient.shape[1] // (2 * reach + 1)
    total = np.zeros((len(gradient) + 2 * reach, width), np.float32)
    for shift in range(2 * reach + 1):
        total[shift : shift + len(gradient)] += gradient[:, shift * width : (shift + 1) * width]
    return total[reach : reach + len(gradient)]


def train(documents: int, epochs: int, seed: int) -> Network:
    """A trained network."""
    lists = lists_.load()
    alphabet = lexicon_.alphabet()
    lexicon = lexicon_.lexicon(lists, alphabet)
    random = np.random.default_rng(seed)
    trainer = Trainer(random)
    made = rows(Corpus(lists, seed, held_out=False).documents(documents), alphabet, lexicon)
    sys.stdout.write(f"· {documents} documents, {(made.labels != NOTHING).sum()} tokens\n")
    steps = epochs * max(1, len(made.labels) // BATCH_TOKENS)
    for epoch in range(epochs):
        losses = []
        for batch in batches(made, BATCH_TOKENS, random):
            done = min(1.0, trainer.steps / steps)
            losses.append(trainer.step(batch, RATE * (RATE_END / RATE) ** done))
        sys.stdout.write(f"· epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}\n")
        sys.stdout.flush()
    weights = trainer.weights
    tables = tuple(weights[f"table{index}"] for index in range(len(TABLES)))
    layers = [weights[name] for name in ("first", "first_bias", "second", "second_bias", "out", "out_bias")]
    return Network(alphabet, lexicon, tables, *layers)


def main() -> None:
    """Train, write the model and print its SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--documents", type=int, default=110_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20_261_126)
    arguments = parser.parse_args()
    network = train(arguments.documents, arguments.epochs, arguments.seed)
    part = arguments.model.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, **pack(network))
    os.replace(part, arguments.model)  # noqa: PTH105 - one act: whoever looks sees the old file or the new one
    sys.stdout.write(f"✓ {arguments.model}: {arguments.model.stat().st_size} bytes, "
                     f"sha256 {hashlib.sha256(arguments.model.read_bytes()).hexdigest()}\n")  # fmt: skip


if __name__ == "__main__":
    main()
