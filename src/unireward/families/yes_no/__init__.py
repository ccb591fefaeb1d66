"""One yes-or-no question about a candidate; the score is the probability of yes."""
