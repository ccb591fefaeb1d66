"""Heads on any backbone: hidden states to scores. The kinds are listed in docs/heads.md."""

from unireward.rewards.heads.attention import AttentionPoolHead
from unireward.rewards.heads.base import OVERALL, Head, HeadOutput, make_head, options_of
from unireward.rewards.heads.frozen import PARTS, freeze, part_of
from unireward.rewards.heads.gated import GatedHead
from unireward.rewards.heads.gaussian import GaussianHead
from unireward.rewards.heads.linear import LinearHead, MLPHead
from unireward.rewards.heads.mean import MeanPoolHead
from unireward.rewards.heads.multi import MultiOutputHead
from unireward.rewards.heads.ridge import ALPHAS, RidgeHead, RidgeMoments

__all__ = [
    "ALPHAS",
    "OVERALL",
    "PARTS",
    "AttentionPoolHead",
    "GatedHead",
    "GaussianHead",
    "Head",
    "HeadOutput",
    "LinearHead",
    "MLPHead",
    "MeanPoolHead",
    "MultiOutputHead",
    "RidgeHead",
    "RidgeMoments",
    "freeze",
    "make_head",
    "options_of",
    "part_of",
]
