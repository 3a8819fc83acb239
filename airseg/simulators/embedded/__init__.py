"""A headless simulator that speaks AirSim's RPC and renders on the CPU.

`server` starts it; messages come in through `rpc`, act on `simulation`, are seen by `sensing`.
"""
