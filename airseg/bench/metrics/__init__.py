"""Scores of label images: arrays in, numbers out.

Everything is counted in integers at the labels' own resolution, one frame after the other, in a
form that adds up: the counts of a split are the sum of its sequences' counts. `formulas` turns
counts into scores; `intervals` says how sure scores of several flights and trainings are.
"""
