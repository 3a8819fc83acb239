"""Augmentation: every frame of a clip alike, and each change against its plain form."""

import pytest
import torch

from airseg.dataset.reading.augmentation import (
    AugmentOptions,
    ClipChanges,
    augment,
    draw_changes,
    recolour,
    scale_crop_flip,
)
from airseg.dataset.reading.clips import Clip
from airseg.errors import DatasetError

CLIPS = [Clip("a", start, 4) for start in range(5)]
OPTIONS = AugmentOptions((0.5, 2.0), (20, 24), 0.5, 0.3, 0.3, 0.3, 0.1)


def changes(**columns) -> ClipChanges:
    plain = {
        "scale": [1.0],
        "place": [[0.0, 0.0]],
        "flip": [1.0],
        "gain": [[1.0] * 3],
        "contrast": [1.0],
        "saturation": [1.0],
    }
    return ClipChanges(**{n: torch.tensor(v) for n, v in (plain | columns).items()})


def batch(size=1, height=24, width=32) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (size, 4, 3, height, width), generator=random).to(torch.uint8)
    labels = torch.randint(0, 11, (size, 2, height, width), generator=random).to(torch.uint8)
    return frames, labels


def test_nothing_changes_by_default():
    frames, labels = batch()
    moved, truth = augment(frames, labels, changes(), AugmentOptions())
    assert torch.equal(moved, frames / 255)
    assert torch.equal(truth, labels)


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("place", [(0.0, 0.0), (1.0, 1.0), (0.5, 0.25), (0.31, 0.77)])
def test_a_crop_is_a_window_of_the_frame(flip, place):
    frames, labels = batch()
    frames = frames / 255
    changed = changes(place=[place], flip=[flip])
    moved, truth = scale_crop_flip(frames, labels, changed, (10, 20))
    top, left = round(place[0] * 14), round(place[1] * 12)
    frames, labels = (x.flip(-1) if flip < 0 else x for x in (frames, labels))
    window = (..., slice(top, top + 10), slice(left, left + 20))
    assert torch.allclose(moved, frames[window], atol=1e-4)
    assert torch.equal(truth, labels[window])


def test_doubling_is_linear_for_colour_and_repeats_labels():
    frames, labels = batch()
    frames = frames / 255
    moved, truth = scale_crop_flip(frames, labels, changes(scale=[2.0]), (48, 64))
    expected = torch.nn.functional.interpolate(frames[0], scale_factor=2, mode="bilinear")
    # At the very edge one side blends with the black outside, the other repeats the edge.
    assert torch.allclose(moved[0, ..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-4)
    assert torch.equal(truth, labels.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_outside_the_frame_is_black_and_ignored():
    frames, labels = batch(height=16, width=16)
    changed = changes(scale=[0.5], place=[[0.5, 0.5]])
    moved, truth = scale_crop_flip(frames / 255, labels, changed, (16, 16))
    inside = torch.zeros(16, 16, dtype=torch.bool)
    inside[4:12, 4:12] = True
    assert (truth[..., ~inside] == 255).all()
    assert (truth[..., inside] < 11).all()
    assert not moved[..., ~inside].any()


def test_every_frame_of_a_clip_is_changed_alike():
    frames = batch(5)[0][:, :1].repeat(1, 4, 1, 1, 1)
    labels = batch(5)[1][:, :1].repeat(1, 2, 1, 1)
    drawn = draw_changes(CLIPS, OPTIONS, seed=1, epoch=0)
    moved, truth = augment(frames, labels, drawn, OPTIONS)
    assert moved.shape == (5, 4, 3, 20, 24)
    assert torch.equal(moved, moved[:, :1].expand_as(moved))
    assert torch.equal(truth, truth[:, :1].expand_as(truth))
    assert not torch.equal(moved[0], moved[1])
    assert 0 <= moved.min() <= moved.max() <= 1


def test_labels_follow_the_colours():
    # A frame whose colour says its label: after any change of place it still does.
    labels = torch.randint(0, 8, (5, 1, 6, 8)).repeat_interleave(8, -1).repeat_interleave(8, -2)
    frames = (labels * 30).to(torch.uint8)[:, :, None].expand(-1, -1, 3, -1, -1)
    options = AugmentOptions((0.5, 2.0), (32, 40), 0.5)
    drawn = draw_changes(CLIPS, options, seed=4, epoch=2)
    moved, truth = augment(frames, labels.to(torch.uint8), drawn, options)
    seen = moved[:, :, 0] * 255 / 30
    flat = (seen - seen.round()).abs() < 1e-3  # inside the blocks nothing is blended
    agree = (seen.round() == truth)[flat & (truth != 255)]
    assert flat.float().mean() > 0.5
    assert agree.float().mean() > 0.97


def test_a_clip_gets_its_own_change_in_any_batch():
    together = draw_changes(CLIPS, OPTIONS, seed=1, epoch=3)
    for index, clip in enumerate(CLIPS):
        alone = draw_changes([clip], OPTIONS, seed=1, epoch=3)
        for name, value in vars(alone).items():
            assert torch.equal(value[0], getattr(together, name)[index])
    other_epoch = draw_changes(CLIPS, OPTIONS, seed=1, epoch=4)
    other_seed = draw_changes(CLIPS, OPTIONS, seed=2, epoch=3)
    assert not torch.equal(together.scale, other_epoch.scale)
    assert not torch.equal(together.scale, other_seed.scale)


def test_changes_stay_within_their_options():
    clips = [Clip("a", start, 1) for start in range(300)]
    drawn = draw_changes(clips, OPTIONS, seed=0, epoch=0)
    assert 0.5 <= drawn.scale.min() < 0.6
    assert 1.8 < drawn.scale.max() <= 2.0
    assert 0.4 < (drawn.scale < 1).float().mean() < 0.6
    assert 0.4 < (drawn.flip < 0).float().mean() < 0.6
    assert 0.7 <= drawn.contrast.min() < 0.75
    assert 0.7 * 0.9 <= drawn.gain.min() <= drawn.gain.max() <= 1.3 * 1.1


def test_recolouring_by_hand():
    frames = torch.tensor([0.2, 0.4, 0.6]).reshape(1, 1, 3, 1, 1).repeat(1, 1, 1, 1, 2)
    frames[..., 1] = 0.5
    gained = recolour(frames, torch.tensor([[2.0, 1, 0.5]]), torch.ones(1), torch.ones(1))
    assert torch.allclose(gained[0, 0, :, 0, 0], torch.tensor([0.4, 0.4, 0.3]))
    grey = recolour(frames, torch.ones(1, 3), torch.ones(1), torch.zeros(1))
    brightness = 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6
    assert torch.allclose(grey[0, 0, :, 0, 0], torch.full((3,), brightness))
    flat = recolour(frames, torch.ones(1, 3), torch.zeros(1), torch.ones(1))
    assert torch.allclose(flat, torch.full_like(flat, (brightness + 0.5) / 2))


@pytest.mark.parametrize("wrong", [{"scale": (0.0, 1.0)}, {"scale": (2.0, 1.0)}, {"flip": 1.5}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(DatasetError, match="augmentation needs"):
        AugmentOptions(**wrong)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_changes_alike():
    frames, labels = batch(5)
    drawn = draw_changes(CLIPS, OPTIONS, seed=1, epoch=0)
    moved, truth = augment(frames, labels, drawn, OPTIONS)
    on_gpu = augment(frames.cuda(), labels.cuda(), drawn, OPTIONS)
    assert torch.allclose(on_gpu[0].cpu(), moved, atol=1e-4)
    assert (on_gpu[1].cpu() == truth).float().mean() > 0.999
