"""Results as files: one JSON a row, seeds of one row together, and what papers published.

In: scores of a row. Out: files that every other room of the benchmark reads.
"""

from airseg.bench.results.result import Result

__all__ = ["Result"]
