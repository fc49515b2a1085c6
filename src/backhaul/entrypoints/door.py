"""By which door does a command come in?"""

import gc
import sys

from backhaul.domain.errors import BackhaulError
from backhaul.entrypoints.straight import plain, prove_extracts


def main() -> None:
    """Run the command line; what stops us is told in one sentence, without a traceback."""
    told = plain(sys.argv[1:])
    if told is None:
        from backhaul.entrypoints.cli import main as every

        return every()
    gc.disable()  # nothing of it lives longer than its one answer
    try:
        holds = prove_extracts(**told)
    except BackhaulError as stopped:
        from backhaul.entrypoints.terminal import err, marked

        err.print(marked(("backhaul:", "red"), f" {stopped}"))
        raise SystemExit(2) from None
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
