"""The one tree of errors.

To add one: inherit :class:`UnirewardError` *and* the standard class it specialises, so that
``except ValueError`` keeps working for people who do not know this library. The message is one
line that names the file and field and says the mend ("set ... to ..."). Invariants of our own
are ``assert``, never an error of this tree.
"""

from __future__ import annotations


class UnirewardError(Exception):
    """Anything this library raises on purpose. ``str(error)`` is one line with the mend."""


class UnirewardWarning(UserWarning):
    """Something was done in another way than asked, and says so."""


class InputError(UnirewardError, ValueError):
    """A file, field or argument of the user's cannot be used as it stands."""


class MediaError(InputError):
    """An image or video that is missing, unreadable, or larger than its limits."""


class FamilyError(InputError):
    """A family is unknown, or cannot do the task or mode asked (the message says which can)."""


class UsageError(UnirewardError, ValueError):
    """The command or call itself is wrong (exit code 2 on the command line)."""


class EngineError(UnirewardError, RuntimeError):
    """One ask failed in the engine; it becomes a row with status ``error``."""


class EngineUnavailableError(EngineError, ConnectionError):
    """The engine cannot be reached or refuses us altogether: the job stops before any row."""


class MissingExtraError(UnirewardError, ImportError):
    """An optional dependency is absent; the message names the extra to install."""
