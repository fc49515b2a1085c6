"""How do several processes look through the extracts of one proof, each through its own part of the lines and with its own memory?

A process is begun anew (never forked: the engine is open in the parent), reads the same files, lets go of every row whose line is not of
its part, and writes down the lines that are not plainly proved. All of it lies in one folder, which goes when the proof is done.
"""

import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb

from backhaul.application.reconcile import Books, quoted, unlike
from backhaul.domain.errors import Misconfigured


@contextmanager
def spread(left: str, right: str, workers: int, memory: str) -> Iterator[str]:
    """Look through extracts in so many processes; give the Parquet files that name what they found, or nothing where one is enough.

    `memory` is shared among them. Raises `Misconfigured` as soon as one of them meets what it cannot read, or dies; the others are ended.
    """
    if workers == 1:
        yield ""
        return
    share = divided(memory, workers)
    with tempfile.TemporaryDirectory(prefix="backhaul-") as folder:
        new = get_context("spawn").Process
        parts = [new(target=look, args=(left, right, share, f"k % {workers} = {number}", f"{folder}/{number}.parquet"), daemon=True)
                 for number in range(workers)]
        try:
            for part in parts:
                part.start()
            _await(parts, Path(folder))
        finally:
            for part in parts:
                if part.pid is not None:
                    part.kill()
                    part.join()
        yield f"{folder}/*.parquet"


def divided(memory: str, by: int) -> str:
    """Give one of so many equal shares of an amount of memory like 700MB."""
    told = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z%]+)\s*", memory)
    if told is None:
        message = f"--memory '{memory}' is no amount like 700MB"
        raise Misconfigured(message)
    return f"{float(told[1]) / by:.2f}{told[2]}"


def look(left: str, right: str, memory: str, part: str, to: str) -> None:
    """Write down the lines of one part that are not plainly proved; what stops it is written beside, and the status is 2."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted ends us
    tempfile.tempdir = str(Path(to).parent)  # so that what is spilled goes with the folder, even where we are killed
    try:
        with Books(left, right, memory=memory, threads=1) as books:
            books.run(f"COPY ({unlike(books, part)}) TO {quoted(to)} (FORMAT PARQUET)")
    except (Misconfigured, duckdb.Error) as wrong:
        Path(to).with_suffix(".txt").write_text(str(wrong), encoding="utf-8")
        sys.exit(2)


def _await(parts: Sequence[BaseProcess], folder: Path) -> None:
    """Wait until all parts are done, or one of them is not."""
    running = dict(enumerate(parts))
    while running:
        ended = wait([part.sentinel for part in running.values()])
        for number, part in list(running.items()):
            if part.sentinel not in ended:
                continue
            part.join()
            del running[number]
            if part.exitcode:
                raise Misconfigured(_why(folder / f"{number}.txt", f"Process {number + 1} of {len(parts)}", part.exitcode))


def _why(told: Path, who: str, status: int) -> str:
    """Say what stopped a process, and what to do."""
    again = "Nothing was proved: run it again with fewer --workers, or another --memory."
    if not told.exists():
        return f"{who} died with status {status}; most often the machine ran out of memory. {again}"
    said = told.read_text(encoding="utf-8")
    return f"{said.splitlines()[0]} ({who}). {again}" if "Out of Memory" in said else said
