"""What a model is trained towards: terms, each a loss with its formula and source, and the
objective that adds them up (:mod:`unireward.training.objectives.base`)."""

from __future__ import annotations

from unireward.training.objectives.base import Batch, Objective, Outputs, Term

__all__ = ["Batch", "Objective", "Outputs", "Term"]
