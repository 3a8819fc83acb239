"""Simulators: the wire they speak, a client of it, and the embedded one."""
