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
# # Train your own network on the clips
#
# A network, a loss and a loop of your own, on clips of a dataset. The loader deals out clips of consecutive
# frames and their labels; nothing else of airseg is needed. At the end the network's label maps are scored as
# the benchmark scores its own.
#
# This page is a Python file that Jupyter opens with `jupytext`: `pip install jupyterlab jupytext`.

# %%
# !airseg record loop_walk street_val loop_back --embedded --frames 24 --out train/recordings
# !airseg relabel train/recordings --map neighborhood --out train/dataset.h5 --overwrite

# %%
from pathlib import Path

import cv2
import torch
from torch import nn

from airseg.dataset import Dataset
from airseg.dataset.reading.augmentation import AugmentOptions, augment, draw_changes
from airseg.dataset.reading.clips import ClipSampler, EveryClip
from airseg.dataset.reading.loading import ClipDataset, ClipLoader

device = "cuda" if torch.cuda.is_available() else "cpu"
dataset = Dataset("train/dataset.h5")

# %% [markdown]
# ## Clips
#
# Five frames each; a clip never crosses from one flight into another. A batch is frames `(B, T, 3, H, W)` and
# labels `(B, T, H, W)`, both uint8; all frames of a clip are changed alike, which makes them floats from 0 to 1.

# %%
lengths = {name: dataset.sequence(name).length for name in dataset.split("train")}
clips = EveryClip(lengths, length=5)
loader = ClipLoader(ClipDataset(dataset, clips), ClipSampler(clips, batch_size=4, seed=0))
options = AugmentOptions(scale=(0.3, 0.5), crop=(96, 128), flip=0.5, brightness=0.2)

# %% [markdown]
# ## A network that remembers
#
# Whatever you like: this one adds what it saw, fading, to what it sees. The memory is a value that comes in and
# goes out, so a stream is run frame by frame, as long as it is.


# %%
class Fading(nn.Module):
    """Three convolutions at a quarter of the size, and a fading sum of earlier frames."""

    def __init__(self, classes):
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(3, 24, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.keep = nn.Parameter(torch.tensor(0.0))
        self.tell = nn.Conv2d(48, classes, 3, padding=1)

    def forward(self, frame, memory=None):
        """(B, 3, H, W) from 0 to 1; logits (B, C, H, W) and the next memory."""
        memory = self.see(frame) + (0 if memory is None else self.keep.sigmoid() * memory)
        logits = nn.functional.interpolate(self.tell(memory), frame.shape[-2:], mode="bilinear")
        return logits, memory


model = Fading(len(dataset.class_names)).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

# %%
for epoch in range(2):
    loader.set_epoch(epoch)
    for frames, labels, batch in loader:
        changes = draw_changes(batch, options, seed=0, epoch=epoch)
        frames, labels = augment(frames.to(device), labels.to(device), changes, options)
        loss, memory = 0.0, None
        for t in range(frames.shape[1]):
            logits, memory = model(frames[:, t], memory)
            target = labels[:, t].long()
            loss = loss + nn.functional.cross_entropy(logits, target, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item() / frames.shape[1]:.3f}")

# %% [markdown]
# ## Score it as the benchmark scores its own
#
# Label maps of every frame of the test split, in order, at the labels' own size.

# %%
model.eval()
with torch.inference_mode():
    for name in dataset.split("test"):
        sequence, memory = dataset.sequence(name), None
        folder = Path("train/predictions") / name
        folder.mkdir(parents=True, exist_ok=True)
        for t in range(len(sequence)):
            frame = torch.from_numpy(sequence.rgb(t, t + 1)).to(device).permute(0, 3, 1, 2)
            logits, memory = model(frame.float() / 255, memory)
            labels = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
            cv2.imwrite(str(folder / f"{t:06d}.png"), labels)

# %%
# !airseg bench score train/predictions --dataset train/dataset.h5 --name Fading --out train/results
# !airseg bench leaderboard train/results --out train/results
