"""UnifiedReward 1.0 (arXiv 2503.05236): rank and score, images and video, drawn and understood."""
