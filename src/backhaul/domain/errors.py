"""What stops us, and who can start us again?

    BackhaulError
    ├── RetryLater       nothing is wrong with the data; the same call may succeed later
    ├── NeedsOperator    a person has to look before this one goes on; the rest goes on
    ├── NotAllowed       whoever asks may not; the sentence says what would be needed
    └── Misconfigured    a setting, profile or deployment is wrong; says file, place and cure

Expected trouble with one return is not an exception: it is a `Finding`, a value.
"""


class BackhaulError(Exception):
    """Root of everything Backhaul raises on purpose."""


class RetryLater(BackhaulError):  # noqa: N818  the three names are read aloud as verbs
    """The other side is away or busy; `after_seconds` is what it asked for, if it did."""

    def __init__(self, message: str, *, after_seconds: float | None = None) -> None:
        """Keep the sentence for the log and the wait the other side asked for, in seconds."""
        super().__init__(message)
        self.after_seconds = after_seconds


class NeedsOperator(BackhaulError):  # noqa: N818
    """A person has to decide; the message says what, which one and what now. `about` names the one thing they said that it is about."""

    def __init__(self, message: str, *, about: str = "") -> None:
        """Keep the sentence and, if it is about one thing that was said, that thing's name as a form has it."""
        super().__init__(message)
        self.about = about


class Misconfigured(BackhaulError):  # noqa: N818
    """A setting is wrong; the message names the setting, its place and what is allowed."""


class NotAllowed(BackhaulError):  # noqa: N818
    """Whoever asks may not do this; the message says which right is missing."""
