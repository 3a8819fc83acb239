"""Vehicles: bodies, how they move, the tasks they are given, where on Earth they are.

In: orders, controls and steps of time. Out: bodies, and actors that follow them at ticks.
"""
