# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   language_info:
#     name: python
#     pygments_lexer: ipython3
# ---

# %% [markdown]
# # Look at a dataset
#
# What lies in a dataset file, in pictures and numbers. Two short flights of the embedded simulator are
# recorded first; put the path of a file of your own into `path` to look at that instead.
#
# This page is a Python file that Jupyter opens with `jupytext`: `pip install jupyterlab jupytext
# matplotlib`.

# %%
# !airseg record loop_walk loop_back --embedded --frames 12 --out look/recordings
# !airseg relabel look/recordings --map neighborhood --out look/dataset.h5 --overwrite

# %%
import matplotlib.pyplot as plt
import numpy as np

from airseg.dataset import Dataset

path = "look/dataset.h5"

# %% [markdown]
# ## What is in it

# %%
dataset = Dataset(path)
for sequence in dataset:
    height, width = sequence.label(0, 1).shape[1:]
    print(f"{sequence.name}: {len(sequence)} frames of {width}x{height}, {sequence.split}")
classes = dataset.class_names
print(", ".join(classes))

# %% [markdown]
# ## A frame, its label, its depth
#
# Colour is `(T, H, W, 3)` uint8; a label is the place of its class in the class table, or 255 where no class is
# known; depth is metres along the optical axis.

# %%
sequence = dataset.sequence(dataset.split("train")[0])
rgb, label, depth = (read(0, 1)[0] for read in (sequence.rgb, sequence.label, sequence.depth))

figure, panels = plt.subplots(1, 3, figsize=(12, 3))
panels[0].imshow(rgb)
panels[1].imshow(np.where(label == 255, np.nan, label), cmap="tab20", vmin=0, vmax=len(classes))
panels[2].imshow(np.log(depth.astype(np.float32)), cmap="viridis")
for panel, title in zip(panels, ("colour", "class", "logarithm of depth"), strict=True):
    panel.set_title(title)
    panel.axis("off")

# %% [markdown]
# ## How much of each class

# %%
counts = sum(
    np.bincount(s.label(0, len(s)).ravel(), minlength=256)[: len(classes)] for s in dataset
)
shares = counts / counts.sum()
for name, share in sorted(zip(classes, shares, strict=True), key=lambda x: -x[1]):
    print(f"{name:16} {share:6.1%}")

# %% [markdown]
# ## How the camera moved
#
# Positions are metres North, East, Down from the simulator's origin: ten metres up is -10.

# %%
poses = sequence.poses
print(f"{np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1).sum():.1f} m flown")
steps_ms = np.diff(sequence.timestamps_ns) / 1e6
print(
    f"one frame every {steps_ms.mean():.3f} ms, from {steps_ms.min():.3f} to {steps_ms.max():.3f}"
)
print(", ".join(sequence.details))  # what its recording said of itself
dataset.close()
