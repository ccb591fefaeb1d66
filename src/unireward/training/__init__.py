"""Training: from preference data to a reward model.

``unireward train CONFIG.yaml`` in words of code: :func:`unireward.training.config.load_config`
gives a :class:`TrainConfig`, :func:`unireward.training.run.train` runs it.
"""
