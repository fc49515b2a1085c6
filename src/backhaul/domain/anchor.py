"""Does the record still go as far as it went, and is it the one it was?

A chain holds by itself after its end was cut off, and after all of it was written anew. Its head shows both, where it was kept elsewhere
and sealed with a key that the database does not hold (reliability O10).
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from backhaul.domain.trail import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The head of one chain at one moment: how many entries it had, and the hash of the last; sealed with a key of the house."""

    tenant: str
    sequence: int
    hash: str
    at: str
    seal: str = ""


def seal(anchor: Anchor, key: str) -> Anchor:
    """Seal an anchor, so that nobody makes or changes one without the key."""
    return replace(anchor, seal=_sealed(anchor, key))


def is_sealed(anchor: Anchor, keys: Iterable[str]) -> bool:
    """Tell whether an anchor is as it was sealed, with one of these keys."""
    return any(hmac.compare_digest(anchor.seal.encode(), _sealed(anchor, key).encode()) for key in keys)


def _sealed(anchor: Anchor, key: str) -> str:
    content = {name: value for name, value in asdict(anchor).items() if name != "seal"}
    return hmac.new(key.encode(), canonical(content), hashlib.sha256).hexdigest()


def refute(anchors: Sequence[Anchor], hashes: Mapping[int, str], keys: Sequence[str], *, copied: bool = False) -> str:
    """Say what the first anchor that does not fit shows about a chain; empty if all fit.

    `hashes` are those of the chain's entries by their numbers, from 0 for its beginning. A copy was `copied` before its newest anchors
    were written, so that those are no sign of anything.
    """
    end = max(hashes)
    for each in anchors:
        if not is_sealed(each, keys):
            return f"the anchor of {each.at} at entry {each.sequence} is sealed with no key of this house; its file was changed"
        if each.sequence > end and not copied:
            return f"entries {end + 1} to {each.sequence} are gone: on {each.at} the chain went on to entry {each.sequence}"
        if each.sequence <= end and hashes[each.sequence] != each.hash:
            return f"entry {each.sequence} is not the one it was on {each.at}: the chain was written anew"
    return ""
