"""Command: the command line of a recipe, whose errors are one line as those of ``unireward``."""

from __future__ import annotations

import sys
from collections.abc import Callable

from unireward.errors import UnirewardError

WRONG_USE = 2


def run(main: Callable[[], object]) -> None:
    """Leaves with code 2 and the reason on stderr where there is one."""
    try:
        main()
    except UnirewardError as error:
        print(error, file=sys.stderr)
        sys.exit(WRONG_USE)
