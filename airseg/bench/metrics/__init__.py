"""Scores of label images: arrays in, numbers out.

Everything is counted in integers at the labels' own resolution, one frame after the other, in a
form that adds up: the counts of a split are the sum of its sequences' counts, and a bootstrap over
sequences is a weighted sum. `formulas` turns counts into scores.
"""

from airseg.bench.metrics.confusion import ConfusionMatrix

__all__ = ["ConfusionMatrix"]
