"""AirSim's methods, one file a kind; each is a function marked with `rpc`.

In: the parameters of a call, converted. Out: its answer, or an error in AirSim's words.
"""
