"""Training: a recipe and a dataset in, a trained network and its journal out.

`engine` has the loop; protocols, losses, batches and checkpoints have a file each.
"""
