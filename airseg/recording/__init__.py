"""Recordings: a plan and a simulator in, a folder of checked frames out.

`flying` talks to the simulator, `stored` is the folder; fleets, settings and the doctor stand here.
"""
