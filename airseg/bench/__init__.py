"""Training, scoring and publishing under one protocol.

`run` makes the rows of a recipe; each room below has one step of that way.
"""
