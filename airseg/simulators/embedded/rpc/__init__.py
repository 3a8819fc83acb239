"""AirSim's RPC: messages in, calls of methods, messages out.

A new method goes into the file of its kind in `methods`; `method_table` lists them all.
"""
