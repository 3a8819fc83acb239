"""What a world is made of: named objects with geometry and materials, and cars that drive.

In: what a world's builder puts down. Out: a `World` that `rendering` draws and `sensing` measures.
"""
