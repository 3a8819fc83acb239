"""New datasets of old ones: chosen, joined, appended, divided into shards, split anew.

In: dataset files, which stay as they are. Out: a new one.
"""
