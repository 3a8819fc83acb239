"""Batches of clips: the same whoever deals them, from any step, in any number of processes."""

import itertools

import numpy as np
import pytest
import torch

from airseg.bench.frames import FrameStore
from airseg.bench.training.batches import Batches
from airseg.bench.training.training_protocol import FairProtocol
from airseg.dataset.reading.clips import Clip, enumerate_clips


def clips_of(**lengths):
    return enumerate_clips(lengths, context=1, targets=2, max_context=2)


def test_every_depth_supervises_the_same_frames(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    plain = recipe.data.model_copy(update={"flip": False, "photometric": 0.0})
    fair = recipe.model_copy(update={"data": plain})

    def supervised(context):
        clips = FairProtocol(fair, dataset, store).clips(context)
        batches = Batches(store, clips, plain, seed=3)
        taken = itertools.islice(batches.from_step(0), len(batches))
        return sorted(
            label.numpy().tobytes() for batch in taken for label in batch.labels.flatten(0, 1)
        )

    assert supervised(0) == supervised(1) == supervised(2)


def test_batches_from_a_step_are_those_of_a_run_from_the_start(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    batches = Batches(store, clips_of(a=14, b=11), recipe.data, seed=0)
    from_start = list(itertools.islice(batches.from_step(0), 7))[5:]
    for number, batch in enumerate(itertools.islice(batches.from_step(5), 2)):
        assert torch.equal(batch.frames, from_start[number].frames)
        assert torch.equal(batch.labels, from_start[number].labels)
        assert batch.clips == from_start[number].clips


def test_batches_read_ahead_are_the_same(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    clips = clips_of(a=14, b=11)
    plain, ahead = (Batches(store, clips, recipe.data, seed=0, ahead=n) for n in (0, 3))
    pairs = zip(plain.from_step(2), ahead.from_step(2), strict=True)
    for first, second in itertools.islice(pairs, 8):
        assert torch.equal(first.frames, second.frames)
        assert torch.equal(first.labels, second.labels)


class Numbered:
    """Frames and labels whose every pixel is the frame's number."""

    def frames(self, sequence, index):
        numbers = np.array(index, np.uint8)
        assert (numbers < 40).all()
        labels = numbers[:, None, None].repeat(2, 1).repeat(2, 2)
        return labels[..., None].repeat(3, 3), labels


def test_half_of_the_clips_come_backwards_to_the_same_supervised_frame(recipe):
    """TV3S' loader: its offsets -9, -6, -3 become 9, 6, 3, and the frame itself stays the last."""
    changes = {"targets": 1, "stride": 3, "reverse": True, "flip": False, "photometric": 0.0}
    data = recipe.data.model_copy(update=changes)
    clips = [Clip("a", start, 4, 3) for start in range(31)]
    dealt = Batches(Numbered(), clips, data, seed=0).from_step(0)
    backwards = 0
    for batch in itertools.islice(dealt, 100):
        for clip, frames, labels in zip(batch.clips, batch.frames, batch.labels, strict=True):
            now = clip.frames[-1]
            found = frames[:, 0, 0, 0].tolist()
            assert found in ([now - 9, now - 6, now - 3, now], [now + 9, now + 6, now + 3, now])
            assert labels[:, 0, 0].tolist() == [now]
            backwards += found[0] > now
    # The last nine of 31 have too few frames behind them.
    assert backwards / 200 == pytest.approx(0.5 * 22 / 31, abs=0.1)


def test_several_supervised_frames_of_a_backward_clip_are_those_of_the_forward_one(recipe):
    changes = {"targets": 2, "reverse": True, "flip": False, "photometric": 0.0}
    data = recipe.data.model_copy(update=changes)
    clips = [Clip("a", start, 5) for start in range(0, 30, 2)]
    dealt = Batches(Numbered(), clips, data, seed=0).from_step(0)
    found = {
        tuple(frames[:, 0, 0, 0].tolist()): labels[:, 0, 0].tolist()
        for batch in itertools.islice(dealt, 60)
        if batch.clips[0].start == 4
        for frames, labels in [(batch.frames[0], batch.labels[0])]
    }
    assert found == {(4, 5, 6, 7, 8): [7, 8], (11, 10, 9, 8, 7): [8, 7]}


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_each_batch_as_one_process_has_it(recipe, dataset, world_size):
    store = FrameStore(dataset, 16, 24)
    clips = clips_of(a=14, b=11)
    whole = itertools.islice(Batches(store, clips, recipe.data, seed=0).from_step(0), 9)
    ranks = [
        Batches(store, clips, recipe.data, seed=0, rank=r, world_size=world_size).from_step(0)
        for r in range(world_size)
    ]
    for batch, *parts in zip(whole, *ranks, strict=False):
        for rank, part in enumerate(parts):
            assert part.size == batch.size
            if rank < batch.size:
                assert torch.equal(part.frames, batch.frames[rank::world_size])
                assert torch.equal(part.labels, batch.labels[rank::world_size])
            else:
                assert (part.labels == 255).all()


def test_augmentation_is_the_same_for_all_frames_of_a_clip(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    store._kept["still"] = (
        np.repeat(np.random.default_rng(0).integers(0, 256, (1, 16, 24, 3), np.uint8), 9, 0),
        np.zeros((9, 16, 24), np.uint8),
    )
    batches = Batches(store, clips_of(still=9), recipe.data, seed=0)
    seen = set()
    for batch in itertools.islice(batches.from_step(0), 6):
        for clip in batch.frames:
            assert all(torch.equal(clip[0], frame) for frame in clip)
            seen.add(clip[0].numpy().tobytes())
    assert len(seen) > 3
