"""What can be trained, by the kind of a config's ``model``: ``subject_of(config)``.

To add one: its config in :mod:`unireward.training.model_config`, a file with one subclass of
:class:`~unireward.training.subjects.base.Subject`, and its line in ``SUBJECTS``.
"""

from __future__ import annotations

from importlib import import_module

from unireward.training.config import TrainConfig
from unireward.training.subjects.base import Subject

__all__ = ["SUBJECTS", "Subject", "subject_of"]

SUBJECTS = {
    "family": "judge:JudgeSubject",
    "generator": "generator:GeneratorSubject",
    "answers": "answers:AnswersSubject",
}
"""The field that tells a kind from the others -> file of this folder and class in it."""


def subject_of(config: TrainConfig) -> Subject:
    """What ``config`` trains; nothing is loaded yet."""
    module, name = SUBJECTS[config.model.said_by].split(":")
    return getattr(import_module(f"{__name__}.{module}"), name)(config)
