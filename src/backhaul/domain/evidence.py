"""What kind of file did somebody attach?

Told by its first bytes, never by its name. What is not in the table is refused: nothing that could run is kept for others to open.
"""

from collections.abc import Mapping
from typing import Final

LARGEST: Final = 10 * 1024 * 1024
"""Bytes of a file, at most."""
BEGINNINGS: Final[Mapping[bytes, str]] = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
TEXT: Final = "text/plain"


def sniff(body: bytes) -> str:
    """Give the media type of a file: one of few pictures, PDF or plain text; empty for anything else."""
    known = next((name for start, name in BEGINNINGS.items() if body.startswith(start)), "")
    return known or (TEXT if _is_text(body) else "")


def _is_text(body: bytes) -> bool:
    try:
        words = body.decode()
    except UnicodeDecodeError:
        return False
    return bool(words.strip()) and all(sign.isprintable() or sign in "\r\n\t" for sign in words)
