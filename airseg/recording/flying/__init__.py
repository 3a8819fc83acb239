"""Flying a plan: clocks, poses, images of one instant, ids of meshes.

In: a plan and a client of a simulator. Out: frames, handed to `airseg.recording.stored`.
"""
