"""What a model is trained towards: terms, each a loss with its formula and source, and the
objective that adds them up (:mod:`unireward.training.objectives.base`)."""

from __future__ import annotations

from unireward.training.objectives.absolute import Absolute, AbsoluteOptions
from unireward.training.objectives.auxiliary import Auxiliary, AuxiliaryOptions
from unireward.training.objectives.base import Batch, Objective, Outputs, Term
from unireward.training.objectives.bradley_terry import BradleyTerry, BradleyTerryOptions
from unireward.training.objectives.denoise import Denoise, DenoiseOptions
from unireward.training.objectives.diffusion_dpo import DiffusionDpo, DiffusionDpoOptions
from unireward.training.objectives.dpo import Dpo, DpoOptions
from unireward.training.objectives.gaussian import Fidelity, GaussianPair, GaussianPairOptions
from unireward.training.objectives.logps import sequence_logps
from unireward.training.objectives.plackett_luce import PlackettLuce, PlackettLuceOptions
from unireward.training.objectives.registry import KINDS, make_objective, make_term
from unireward.training.objectives.regression import Regression, RegressionOptions
from unireward.training.objectives.sft import Caption, Sft, SftOptions
from unireward.training.objectives.words import Words, WordsOptions
from unireward.training.objectives.yes_no import YesNo, YesNoOptions

__all__ = [
    "KINDS",
    "Absolute",
    "AbsoluteOptions",
    "Auxiliary",
    "AuxiliaryOptions",
    "Batch",
    "BradleyTerry",
    "BradleyTerryOptions",
    "Caption",
    "Denoise",
    "DenoiseOptions",
    "DiffusionDpo",
    "DiffusionDpoOptions",
    "Dpo",
    "DpoOptions",
    "Fidelity",
    "GaussianPair",
    "GaussianPairOptions",
    "Objective",
    "Outputs",
    "PlackettLuce",
    "PlackettLuceOptions",
    "Regression",
    "RegressionOptions",
    "Sft",
    "SftOptions",
    "Term",
    "Words",
    "WordsOptions",
    "YesNo",
    "YesNoOptions",
    "make_objective",
    "make_term",
    "sequence_logps",
]
