"""UnifiedReward-Edit: edits ranked and scored, with the text-to-image prompts of 2.0."""
