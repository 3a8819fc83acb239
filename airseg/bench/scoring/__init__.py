"""Scoring: networks or submitted predictions in, scores of a split out.

`evaluate` streams a split through a network, `submission` reads predictions of others.
"""
