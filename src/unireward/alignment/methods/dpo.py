"""dpo: preference learned offline, as UnifiedReward does it: all pairs first, then one training.

A generator learns by ``diffusion-dpo`` (Wallace et al. 2024, arXiv 2311.12908), a model that
answers by ``dpo`` (Rafailov et al. 2023, arXiv 2305.18290), unless ``training.objective`` says
otherwise. The reference is the policy that the pairs were sampled from.
"""

from __future__ import annotations

from unireward.alignment.methods.base import Method


class Dpo(Method):
    kind = "dpo"
