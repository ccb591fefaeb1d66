"""FolderPolicy: candidates that somebody made before, as a policy.

::

    FolderPolicy("pictures")             # pictures/<prompt id>/*.png, or pictures/<prompt id>_0.png
    FolderPolicy("sampled.jsonl")        # the candidates of its records

Nothing is drawn: a seed changes nothing, and a prompt's candidates are the first n that there
are. Those that are not there are left out as ``missing``, those that cannot be read with the
reason (:mod:`~unireward.policies.finished`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from unireward.errors import InputError, UsageError
from unireward.files.rows import is_parquet
from unireward.policies.content import gathered
from unireward.policies.finished import Files, Finished, Stored
from unireward.prompt import Prompt
from unireward.sampled import Sampled


class FolderPolicy:
    """``path`` is a folder, or a file of records. Raises :class:`InputError` for what is neither;
    a file of records is read at the first sample, and raises what reading it raises."""

    def __init__(self, path: str | Path, *, name: str | None = None) -> None:
        self.path = Path(path)
        self.name = name or f"folder:{self.path.name}"
        self._digest: str | None = None
        self._finished: Finished
        if self.path.is_dir():
            self._finished = Files(self.path)
        elif self.path.is_file():
            is_parquet(self.path)
            self._finished = Stored(self.path)
        else:
            raise InputError(f"{path}: no such folder or file of records; check the path")

    @property
    def identity(self) -> str:
        """Where it lies, and a digest of its files' names and sizes (of a file of records: its
        content): candidates that were added or exchanged make it another policy."""
        if self._digest is None:
            self._digest = self._finished.digest()
        return f"folder:{self.path.absolute()}:{self._digest}"

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        return list(self.sample_stream(prompts, n, seed))

    def sample_stream(self, prompts: Iterable[Prompt], n: int, seed: int) -> Iterator[Sampled]:
        """The same of prompts without end, in order."""
        if n < 1:
            raise UsageError(f"n is {n}; ask for one candidate or more")
        return (self._sampled(prompt, n) for prompt in prompts)

    def _sampled(self, prompt: Prompt, n: int) -> Sampled:
        found = self._finished.of(prompt, n)
        return gathered(prompt, self.name, [*found, *["missing"] * (n - len(found))])
