"""Vehicles: bodies, how they move, the tasks they are given, where on Earth they are."""
