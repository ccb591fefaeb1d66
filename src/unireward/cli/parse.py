"""``unireward parse FAMILY < reply.txt``: one reply on stdin, its judgment as JSON on stdout."""

from __future__ import annotations

from typing import Annotated

import typer


def parse(
    family: Annotated[str, typer.Argument(help="A family's name (families list).")],
    task: Annotated[str, typer.Option("--task", help="What was judged: image_generation, ...")],
    mode: Annotated[str, typer.Option("--mode", help="rank, score or pair-score.")],
    variant: Annotated[str | None, typer.Option("--variant", help="Else the first.")] = None,
    form: Annotated[str | None, typer.Option("--form", help="Else the first.")] = None,
    aspect: Annotated[str | None, typer.Option("--aspect", help="Else the first.")] = None,
    finish_reason: Annotated[
        str, typer.Option("--finish-reason", help="stop, length or content_filter.")
    ] = "stop",
    prompt: Annotated[
        str, typer.Option("--prompt", help="The text that was sent: its echo is not read.")
    ] = "",
) -> None:
    """Read one reply from stdin as JSON.

    Its candidates are named 1 and 2. The exit code is 0 whatever the status.
    """
    import sys

    from unireward.cli.output import print_json
    from unireward.rewards.judge import checked
    from unireward.rewards.replies import judgment_of_reply

    checked(mode)
    text = sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
    judgment = judgment_of_reply(
        f"{family}/{variant}" if variant else family,
        text,
        task=task,
        mode=mode,
        form=form,
        aspect=aspect,
        finish_reason=finish_reason,
        prompt=prompt,
    )
    print_json(judgment.to_dict())
