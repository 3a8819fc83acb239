"""The simulator's compiled functions: numba's, cached where `airseg.kernels` says."""

from airseg.kernels import njit

__all__ = ["njit"]
