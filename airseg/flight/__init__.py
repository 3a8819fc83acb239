"""Flight plans and the trajectories they stand for.

In: YAML, or a mission of QGroundControl. Out: a checked plan, and where each thing is when.
"""

from airseg.flight.plan import FlightPlan, load_plan
from airseg.flight.trajectory import Trajectory, plan_trajectory

__all__ = ["FlightPlan", "Trajectory", "load_plan", "plan_trajectory"]
