"""Shares the bundles of a log out to several processes and hands back what they found, in order."""

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from staithe.audit.files import Files, LogFiles
from staithe.audit.limits import BUNDLES_PER_TASK, PARALLEL_ENTRIES_MIN, TASKS_AHEAD_PER_PROCESS
from staithe.audit.tiles import TILE_WIDTH
from staithe.audit.verify_tiles import BundleFound, check_bundle


def check_bundles(
    files: Files,
    size: int,
    processes: int,
    *,
    entries_min: int = PARALLEL_ENTRIES_MIN,
    bundles_per_task: int = BUNDLES_PER_TASK,
) -> Iterator[BundleFound]:
    """What each bundle of a log of `size` entries is, from left to right.

    Logs below `entries_min`, and folders that are not on this machine's disk, are checked in this process.
    """
    if processes > 1 and size >= entries_min and isinstance(files, LogFiles):
        yield from _shared_out(files.folder, size, processes, bundles_per_task)
    else:
        yield from _check_some(files, size, range(_bundle_count(size)))


def _shared_out(folder: Path, size: int, processes: int, bundles_per_task: int) -> Iterator[BundleFound]:
    # New interpreters: a fork of a process with threads, such as a progress bar's, may hang.
    context = multiprocessing.get_context("spawn")
    count = _bundle_count(size)
    under_way: deque[Future[list[BundleFound]]] = deque()
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            for start in range(0, count, bundles_per_task):
                indices = range(start, min(start + bundles_per_task, count))
                under_way.append(pool.submit(_check_in_folder, folder, size, indices))
                if len(under_way) > processes * TASKS_AHEAD_PER_PROCESS:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            for each in under_way:
                each.cancel()


def _check_in_folder(folder: Path, size: int, indices: range) -> list[BundleFound]:
    return list(_check_some(LogFiles(folder), size, indices))


def _check_some(files: Files, size: int, indices: range) -> Iterator[BundleFound]:
    for index in indices:
        yield check_bundle(files, index, min(size - index * TILE_WIDTH, TILE_WIDTH))


def _bundle_count(size: int) -> int:
    return -(-size // TILE_WIDTH)
