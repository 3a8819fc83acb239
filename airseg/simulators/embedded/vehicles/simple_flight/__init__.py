"""AirSim's SimpleFlight multirotor: its body, its rotors and its flight controller, compiled.

It follows AirSim's own constants and order of updates, its flaws included, so that what is tuned
here flies the same there. One step takes about a microsecond.
"""
