"""The tiny answerer: a model that says what is in a picture, and is sometimes wrong.

A policy of the drawn world with a known error rate, so that aligning one (DPO by the tiny judge)
can be measured against the truth.
"""
