"""The app: which verbs there are."""

from __future__ import annotations

import typer


def build() -> typer.Typer:
    """The typer application, built anew (commands are imported, what they use is not)."""
    from unireward.cli.align import align
    from unireward.cli.bench import bench
    from unireward.cli.calibrate import calibrate
    from unireward.cli.compare import compare
    from unireward.cli.curate import curate
    from unireward.cli.data import data
    from unireward.cli.demo import demo
    from unireward.cli.doctor import doctor
    from unireward.cli.families import families
    from unireward.cli.judge import judge
    from unireward.cli.parse import parse
    from unireward.cli.rank import rank
    from unireward.cli.reproduce import reproduce
    from unireward.cli.score import score
    from unireward.cli.train import train

    app = typer.Typer(
        help="Judge, compare and improve images, videos, edits and answers with reward models.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in (demo, score, compare, rank, judge, parse):
        app.command()(command)
    app.add_typer(families, name="families")
    app.add_typer(data, name="data")
    app.command()(curate)
    app.command()(train)
    app.command()(align)
    app.command()(calibrate)
    app.command()(bench)
    app.command()(reproduce)
    app.command()(doctor)
    return app


def _version(asked: bool) -> None:
    if asked:
        import unireward

        typer.echo(unireward.__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_version, help="Print the version and leave."
    ),
) -> None:
    """Judge, compare and improve images, videos, edits and answers with reward models."""
