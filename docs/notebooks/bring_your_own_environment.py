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
# # Bring your own environment
#
# From a simulator's mesh names to the eleven classes. The world here is the embedded `harbor_town`, taken as if
# nobody had seen it: its own label map stays in the drawer until the end.
#
# This page is a Python file that Jupyter opens with `jupytext`: `pip install jupyterlab jupytext`.

# %%
# !airseg record new_town_harbor_0 new_town_harbor_2 --embedded --frames 12 --out own/recordings

# %% [markdown]
# ## Proposals
#
# Every mesh that was seen, and a class for it where words of its name say one, with the reason.

# %%
# !airseg labels suggest own/recordings --map common --out own/my_map.yaml

# %%
from pathlib import Path

proposed = Path("own/my_map.yaml").read_text()
print(proposed[:1500])

# %% [markdown]
# ## Look at each
#
# `own/audit/audit.html` shows each raw label in pictures, and what is wrong with it. Choose classes there, and
# download the map; here the figures beside the page are enough.

# %%
# !airseg labels audit own/recordings --map own/my_map.yaml --out own/audit

# %% [markdown]
# ## What is left
#
# `airseg labels check own/my_map.yaml --names own/recordings` names every mesh without a class, and packing is
# refused where one is seen. Whoever packs all the same ignores these.

# %%
# !airseg relabel own/recordings --map own/my_map.yaml --allow-unmapped --assign train=new_town_harbor_0 --out own/dataset.h5

# %% [markdown]
# ## How good were the proposals?
#
# The drawer is opened: the pixels on which proposals and the shipped map agree.

# %%
# !airseg relabel own/recordings --map harbor_town --assign train=new_town_harbor_0 --out own/known.h5 --overwrite

# %%
import numpy as np

from airseg.dataset import Dataset

with Dataset("own/dataset.h5") as mine, Dataset("own/known.h5") as known:
    for sequence in mine:
        ours = sequence.label(0, len(sequence))
        theirs = known.sequence(sequence.name).label(0, len(sequence))
        told = ours != 255
        print(
            f"{sequence.name}: {told.mean():.1%} of the pixels have a class, "
            f"{np.mean(ours[told] == theirs[told]):.1%} of these the right one"
        )
