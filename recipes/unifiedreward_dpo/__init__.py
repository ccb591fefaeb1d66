"""UnifiedReward's second claim in miniature: its judgments, as pairs, align other models by DPO.

The paper (arXiv 2503.05236, sections 3.2, 3.3 and 4) has one judge build preference data (pair
ranking, point sifting) and aligns a model of pictures, one of clips and one that answers with it.
The same is asked here of the tiny judge and the tiny models of the drawn world, where truth is
computed: how good its pairs are (:mod:`~recipes.unifiedreward_dpo.pairs`), and what learning from
them does to ``pictures``, ``answers`` and ``clips``. Each module says the rule of its part.
"""
