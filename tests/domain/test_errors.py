"""What stops us: four errors under one root, each for another reader."""

import pytest

from backhaul.domain.errors import BackhaulError, Misconfigured, NeedsOperator, NotAllowed, RetryLater


@pytest.mark.parametrize("kind", [RetryLater, NeedsOperator, NotAllowed, Misconfigured])
def test_everything_raised_on_purpose_has_one_root(kind: type[BackhaulError]) -> None:
    message = "the ERP is away"

    with pytest.raises(BackhaulError, match=message):
        raise kind(message)


def test_the_wait_the_other_side_asked_for_is_kept() -> None:
    assert RetryLater("busy", after_seconds=30).after_seconds == 30
    assert RetryLater("away").after_seconds is None
