"""What the model is given to read: texts clipped to a number of tokens, and chunks under their document's title.

Pure. A chunk alone often does not say what it is about ("It must be given in writing"); its title does.
"""

from typing import Final

import numpy as np

from staithe.vectors.model.pins import CONTENT_TOKENS_MAX
from staithe.vectors.model.tokenizer import TextTokenizer

TITLE_TOKENS_MAX: Final = 32
"""Of a title, so that a long one leaves the chunk its place; the samples' titles have 3 to 20 tokens."""

CHUNK_TOKENS_MAX: Final = CONTENT_TOKENS_MAX - TITLE_TOKENS_MAX
"""A chunk of at most this many is never cut by its title."""


def clip(text: str, tokenizer: TextTokenizer, tokens_max: int = CONTENT_TOKENS_MAX) -> str:
    """The beginning of `text` that has at most `tokens_max` tokens, cut between words; all of it where it fits.

    Raises InvalidEvent on lone surrogates.
    """
    if len(text) <= tokens_max:
        return text  # a token has at least one character
    words = tokenizer.words(text)
    fitting = int(np.count_nonzero(words.tokens.cumsum() <= tokens_max))
    return text if fitting == len(words.starts) else text[: int(words.starts[fitting])]


def under_title(title: str, text: str, tokenizer: TextTokenizer) -> str:
    """What the model reads for a chunk: the title, clipped to TITLE_TOKENS_MAX, a line break, the chunk's text.

    The text stays whole: with at most CHUNK_TOKENS_MAX tokens, as the default ChunkLimits cut it, the model reads
    all of it; what is longer the encoder refuses. Raises InvalidEvent on lone surrogates.
    """
    heading = clip(title, tokenizer, TITLE_TOKENS_MAX).strip()
    return f"{heading}\n{text}" if heading else text
