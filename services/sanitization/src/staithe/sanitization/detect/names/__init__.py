"""Finds names of people, places and organisations, and street addresses, by a small network trained for this project.

It reads five words to each side, so it knows a name by its surroundings as much as by the lists it was trained with.
What it misses, and how often it is wrong, is measured in docs/sanitization.md.
"""

from typing import Final

from staithe.sanitization.detect import models
from staithe.sanitization.detect.finding import Finding
from staithe.sanitization.detect.names.network import unpack
from staithe.sanitization.detect.names.tagger import NameTagger

NAME: Final = "names"
MODEL_BYTES_MAX: Final = 4 * 1024 * 1024


class Names:
    """The detector of names. One instance serves many threads.

    Raises Integrity when the model is missing or changed: without it a service must not start.
    """

    def __init__(self) -> None:
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - importing it changes the environment

        content = models.content_of("names.npz")
        arrays = models.arrays(content, models.NAMES_SHA256, name="names.npz", bytes_max=MODEL_BYTES_MAX)
        # So small a network is slower on two threads than on one: numpy's spin while they wait for each other, and
        # took nine times the processor time. For the whole process, since the pool is one for the process.
        threadpool_limits(limits=1, user_api="blas")
        self._tagger = NameTagger(unpack(arrays))
        self.version = models.NAMES_SHA256

    def find(self, text: str) -> list[Finding]:
        """Every finding, in order, none overlapping."""
        return [Finding(each.entity, each.start, each.end, each.score, NAME) for each in self._tagger.find(text)]
