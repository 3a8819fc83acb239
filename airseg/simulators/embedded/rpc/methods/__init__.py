"""AirSim's methods, one file a kind; each is a function marked with `rpc`."""
