"""Flight plans and the trajectories they stand for."""
