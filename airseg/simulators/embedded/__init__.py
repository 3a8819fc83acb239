"""A headless simulator that speaks AirSim's RPC and renders on the CPU."""
