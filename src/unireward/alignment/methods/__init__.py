"""Methods by the word that a config calls them: ``METHODS["online"]``.

To add one: a file with one subclass of :class:`~unireward.alignment.methods.base.Method`, and its
place here.
"""

from __future__ import annotations

from unireward.alignment.methods.base import Method
from unireward.alignment.methods.best_of_n import BestOfNMethod
from unireward.alignment.methods.dpo import Dpo
from unireward.alignment.methods.online import Online
from unireward.alignment.methods.rejection import Rejection
from unireward.alignment.methods.sft import Sft

__all__ = ["METHODS", "Method"]

METHODS: dict[str, type[Method]] = {
    method.kind: method for method in (Dpo, Online, BestOfNMethod, Rejection, Sft)
}
