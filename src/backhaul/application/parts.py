"""How many returns, or names, are read in one transaction?"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
AT_ONCE: Final = 500


def parts(names: Sequence[T]) -> Iterator[Sequence[T]]:
    """Divide what is to be read, so that no transaction lasts as long as a history is."""
    return (names[at:at + AT_ONCE] for at in range(0, len(names), AT_ONCE))
