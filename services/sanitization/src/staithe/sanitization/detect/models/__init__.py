"""The released models and the SHA-256 each must have; `NOTICE` beside them says what they were made from.

`make train-names` and `make train-injection` write them anew and print the digests that belong here.
"""

import hashlib
import io
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from staithe.kernel.errors import Integrity

NAMES_SHA256: Final = "fd13a5ee2d205242a7283a804012a0064889368600d06c27ae1b4039e6048c87"
INJECTION_SHA256: Final = "444e2439031c55545cf20909dd477a54f3de0baee5ce0f93f399f0fea1824687"


def arrays(content: bytes, sha256: str, *, name: str, bytes_max: int) -> dict[str, NDArray[Any]]:
    """The arrays in a model file's content. Raises Integrity unless the content has this SHA-256 (hexadecimal)."""
    if len(content) > bytes_max or hashlib.sha256(content).hexdigest() != sha256:
        raise Integrity(f"the model {name} is not the one that this version was released with; install it anew")
    with np.load(io.BytesIO(content), allow_pickle=False) as read:
        return {each: read[each] for each in read.files}


def content_of(name: str) -> bytes:
    """The content of a released model file. Raises Integrity when it is missing."""
    try:
        return files(__package__).joinpath(name).read_bytes()
    except OSError as error:
        raise Integrity(f"the model {name} is missing; install the service anew") from error
