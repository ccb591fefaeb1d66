"""UnifiedReward's claim in miniature: does learning all tasks together help each of them?

The paper (arXiv 2503.05236, sections 1 and 4) finds that one reward model trained on image and
video, understanding and generation judges each better than a model trained on it alone. Here the
same is asked of the tiny judge in the drawn world, where data can be counted out exactly.
"""
