"""UnifiedReward 2.0: the prompts of 1.0, three-axis scores and pair scores."""
