"""Simulators: the wire they speak, a client of it, and the embedded one.

In: calls. Out: answers of `protocol`'s types, the same from AirSim and from the embedded simulator.
"""
