"""The worlds, a folder each; `catalogue` builds one by name, `parts` is what they share.

In: a name and a seed. Out: a `World` of `scene`.
"""
