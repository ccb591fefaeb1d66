"""The command line: ``unireward VERB``, one thin file a verb.

Exit codes: 0 done, 1 failed (``--on-failure stop`` that stopped; ``score``, ``compare``,
``rank`` whose judgment is not ok; an engine that is down), 2 wrong use (arguments, input files).
Every error is one line on stderr. With ``--json`` stdout holds nothing but the machine's output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from errno import EDQUOT, ENOSPC
from typing import Any

INTERRUPTED = 130
_STOPPED = "interrupted; what was written is kept, the same command goes on"


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; leaves with the exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; prints errors as one line on stderr."""
    import typer

    from unireward.cli.app import build
    from unireward.errors import InputError, UnirewardError, UsageError

    # typer carries a click of its own, or uses the installed one: its errors know which.
    lineage = typer.BadParameter.__mro__
    click_error: Any = next(kind for kind in lineage if kind.__name__ == "ClickException")
    _quiet()
    try:
        code = build()(arguments, prog_name="unireward", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # how typer passes on a Ctrl-C
            _say(_STOPPED)
        return code if isinstance(code, int) else 0
    except typer.Exit as left:
        return left.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say(_STOPPED)
        return INTERRUPTED
    except (UsageError, InputError) as error:
        _say(error)
        return 2
    except UnirewardError as error:
        _say(error)
        return 1
    except click_error as error:
        message = error.format_message()
        verb = "" if message.startswith("No such command") else _verb(arguments)
        _say(f"{message} (see unireward {verb}--help)")
        return 2
    except BrokenPipeError:
        # The reader of our output has enough (head, less); Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = error.filename or "output"
        mend = "free some space" if error.errno in (ENOSPC, EDQUOT) else "mend the path"
        _say(f"{where}: {error.strerror or error}; {mend}")
        return 1


def _say(message: object) -> None:
    line = " ".join(str(message).split())
    print(f"unireward: {line}", file=sys.stderr, flush=True)


def _verb(arguments: Sequence[str]) -> str:
    """``judge ``, ``data world `` or nothing: whose help explains the usage."""
    words = []
    for word in arguments[: 2 if arguments[:1] in (["families"], ["data"]) else 1]:
        if not word.isidentifier():
            break
        words.append(f"{word} ")
    return "".join(words)


def _quiet() -> None:
    """Our own warnings as one line; other libraries' progress bars and advice not at all."""
    import warnings

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

    def show(message: object, category: type[Warning], *rest: object, **more: object) -> None:
        from unireward.errors import UnirewardWarning

        if issubclass(category, UnirewardWarning):
            _say(message)

    warnings.showwarning = show  # type: ignore[assignment]
