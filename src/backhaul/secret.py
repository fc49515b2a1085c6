"""Where is a secret, and how does it not end up anywhere else?"""

import ctypes
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from backhaul.domain.errors import Misconfigured

REREAD: Final = 30.0
"""A secret's file is looked at again after so many seconds, so that a revoked one is refused within a minute."""


PR_SET_DUMPABLE: Final = 4
"""What Linux calls it that a process may be written to disk, or looked into by another of its user."""


def keep_out_of_dumps() -> None:
    """Have the system write no picture of this process's memory when it falls over; what is told here lies in it in the clear.

    On Linux neither a file nor a program that collects such pictures gets one, and no other process of the same user looks in; on other
    systems no file is written. A system that knows neither is left as it is.
    """
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  Windows has none

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


class Secret:
    """A secret by reference. It prints as ``***``, cannot be pickled or written as JSON; `reveal` tells it.

    A ``file:`` secret is read anew when it is older than `REREAD` seconds, without a restart.
    """

    __slots__ = ("_environ", "_read_at", "_value", "reference")

    def __init__(self, reference: str, environ: Mapping[str, str] | None = None) -> None:
        """Check the form of the reference; whether it leads anywhere is found out by `check` or `reveal`."""
        kind, _, rest = reference.partition(":")
        if kind not in {"env", "file"} or not rest:
            message = "a secret is given by reference, env:NAME or file:PATH, never by its value"
            raise Misconfigured(message)
        self.reference = reference
        self._environ = os.environ if environ is None else environ
        self._value: str | None = None
        self._read_at = 0.0

    def reveal(self) -> str:
        """Give the secret; empty when its variable or file is not there (any longer)."""
        kind, _, rest = self.reference.partition(":")
        if kind == "env":
            return self._environ.get(rest, "")
        now = time.monotonic()
        if self._value is None or now - self._read_at > REREAD:
            try:
                self._value = Path(rest).read_text(encoding="utf-8").rstrip("\r\n")
            except OSError:
                self._value = ""
            self._read_at = now
        return self._value

    def check(self) -> None:
        """Refuse a reference that leads nowhere."""
        if not self.reveal():
            message = f"the secret {self.reference} is missing or empty"
            raise Misconfigured(message)

    def __repr__(self) -> str:
        """Hide it, in tracebacks as well."""
        return "Secret('***')"

    def __str__(self) -> str:
        """Hide it."""
        return "***"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into another process."""
        message = "a secret is not pickled"
        raise TypeError(message)


class Hidden(str):
    """A secret that is handed to an adapter: a text like any other, but not to be seen in a record or traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Hide it."""
        return "'***'"
