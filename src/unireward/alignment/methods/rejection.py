"""rejection: fine-tuning on the judge's best of n (RAFT: Dong et al. 2023, arXiv 2304.06767).

Curated as pairs are, of which the better one is learned (``denoise`` or ``sft``) and the worse one
is not looked at: what best-of-n picks, without its cost at every use.
"""

from __future__ import annotations

from unireward.alignment.methods.base import Method


class Rejection(Method):
    kind = "rejection"
    learns = "best"
    steps = ({"rank_pairs": {"take": "extremes"}},)
