"""Clips: a fair grid of supervised frames, and batches that depend on seed and epoch alone."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airseg.dataset.reading.clips import (
    Clip,
    ClipSampler,
    EveryClip,
    enumerate_clips,
    supervised_frames,
)
from airseg.errors import DatasetError

BATCHING = st.sampled_from(["mixed", "homogeneous"])
LENGTHS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40), min_size=1)


def supervised(clips: list[Clip], targets: int) -> Counter:
    return Counter((c.sequence, f) for c in clips for f in supervised_frames(c, targets))


def clips_or_none(lengths, **arguments) -> list[Clip]:
    try:
        return enumerate_clips(lengths, **arguments)
    except DatasetError:
        return []


@given(LENGTHS, st.integers(0, 6), st.integers(1, 4), st.integers(1, 3))
def test_no_clip_leaves_its_sequence(lengths, context, targets, stride):
    for clip in clips_or_none(lengths, context=context, targets=targets, stride=stride):
        assert clip.length == context + targets
        assert len(clip.frames) == clip.length
        assert clip.frames[0] >= 0
        assert clip.frames[-1] < lengths[clip.sequence]


@given(LENGTHS, st.integers(1, 4), st.integers(1, 3), st.integers(0, 6))
def test_every_depth_of_context_supervises_the_same_frames(lengths, targets, stride, deepest):
    sets = [
        supervised(
            clips_or_none(lengths, context=c, targets=targets, stride=stride, max_context=deepest),
            targets,
        )
        for c in range(deepest + 1)
    ]
    assert all(s == sets[0] for s in sets)


@given(LENGTHS, st.integers(0, 6), st.integers(1, 3))
def test_every_frame_after_the_context_is_supervised_once(lengths, context, stride):
    found = supervised(clips_or_none(lengths, context=context, targets=1, stride=stride), 1)
    assert found == Counter(
        (name, f) for name, n in lengths.items() for f in range(context * stride, n)
    )


def test_targets_of_several_frames_tile_the_sequence():
    clips = enumerate_clips({"a": 11}, context=2, targets=3)
    assert clips == [Clip("a", 0, 5), Clip("a", 3, 5), Clip("a", 6, 5)]
    assert [list(supervised_frames(c, 3)) for c in clips] == [[2, 3, 4], [5, 6, 7], [8, 9, 10]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"context": -1, "targets": 1},
        {"context": 0, "targets": 0},
        {"context": 0, "targets": 1, "stride": 0},
        {"context": 3, "targets": 1, "max_context": 2},
    ],
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(DatasetError, match="clips need"):
        enumerate_clips({"a": 10}, **wrong)


def test_sequences_too_short_for_any_clip_are_told():
    with pytest.raises(DatasetError, match="7 frames are needed, the longest of 2 has 5"):
        enumerate_clips({"a": 5, "b": 3}, context=4, targets=3)


@given(
    LENGTHS,
    st.integers(1, 7),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(["mixed", "homogeneous"]),
    st.booleans(),
)
def test_every_clip_is_dealt_out_once_an_epoch(lengths, size, seed, epoch, batching, shuffle):
    clips = enumerate_clips(lengths, context=0, targets=1)
    sampler = ClipSampler(clips, batch_size=size, seed=seed, batching=batching, shuffle=shuffle)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert Counter(c for batch in batches for c in batch) == Counter(clips)
    assert len(batches) == len(sampler)
    assert all(1 <= len(batch) <= size for batch in batches)
    assert batches == list(sampler)
    if batching == "homogeneous":
        assert all(len({c.sequence for c in batch}) == 1 for batch in batches)
    if not shuffle and batching == "mixed":
        assert [c for batch in batches for c in batch] == clips


def test_order_depends_on_seed_and_epoch():
    clips = enumerate_clips({"a": 100, "b": 100}, context=1, targets=1)

    def order(seed: int, epoch: int) -> list:
        sampler = ClipSampler(clips, batch_size=4, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    assert order(0, 1) != order(1, 0)


def test_homogeneous_batches_do_not_come_sequence_by_sequence():
    clips = enumerate_clips({"a": 100, "b": 100}, context=0, targets=1)
    sampler = ClipSampler(clips, batch_size=4, batching="homogeneous")
    names = [batch[0].sequence for batch in sampler]
    assert names != sorted(names)
    assert names != sorted(names, reverse=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 0},
        {"batch_size": 2, "batching": "same"},
        {"batch_size": 2, "uneven": "odd"},
        {"batch_size": 2, "rank": 2, "world_size": 2},
        {"batch_size": 2, "rank": -1},
    ],
)
def test_impossible_samplers_are_refused(arguments):
    with pytest.raises(DatasetError):
        ClipSampler([Clip("a", 0, 1)], **arguments)


@given(LENGTHS, st.integers(1, 7), st.integers(1, 4), st.integers(1, 5))
def test_every_clip_that_fits_is_there_in_order(lengths, length, stride, every):
    fitting = [
        Clip(name, start, length, stride)
        for name, frames in lengths.items()
        for start in range(0, frames, every)
        if start + (length - 1) * stride < frames
    ]
    if not fitting:
        with pytest.raises(DatasetError, match="no sequence is long enough"):
            EveryClip(lengths, length=length, stride=stride, every=every)
        return
    clips = EveryClip(lengths, length=length, stride=stride, every=every)
    assert list(clips) == fitting
    assert clips[-1] == fitting[-1]
    assert clips[1:3] == fitting[1:3]


def test_clips_of_a_million_frames_are_not_held_in_memory():
    clips = EveryClip({"a": 10**9, "b": 10**9}, length=5)
    assert clips[len(clips) - 1] == Clip("b", 10**9 - 5, 5)
    with pytest.raises(IndexError):
        clips[len(clips)]


@given(
    LENGTHS,
    st.integers(1, 7),
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(0, 2**31),
    st.integers(0, 3),
    BATCHING,
    st.booleans(),
)
def test_all_ranks_together_see_every_valid_clip_exactly_once(
    lengths, length, stride, size, world, seed, epoch, batching, shuffle
):
    valid = Counter(
        (name, tuple(range(start, start + length * stride, stride)))
        for name, frames in lengths.items()
        for start in range(frames - (length - 1) * stride)
    )
    if not valid:
        return
    seen: Counter = Counter()
    counts = []
    for rank in range(world):
        sampler = ClipSampler(
            EveryClip(lengths, length=length, stride=stride),
            batch_size=size,
            seed=seed,
            batching=batching,
            shuffle=shuffle,
            rank=rank,
            world_size=world,
        )
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert all(1 <= len(batch) <= size for batch in batches)
        if batching == "homogeneous":
            assert all(len({c.sequence for c in batch}) == 1 for batch in batches)
        seen.update((c.sequence, tuple(c.frames)) for batch in batches for c in batch)
        counts.append(len(batches))
    assert seen == valid
    assert counts == sorted(counts, reverse=True)
    assert counts[0] - counts[-1] <= 1


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 6), BATCHING)
def test_ranks_that_synchronise_get_equally_many_batches(frames, size, world, batching):
    clips = EveryClip({"a": frames, "b": 2}, length=1)

    def deal(uneven: str) -> list[list]:
        return [
            list(ClipSampler(clips, batch_size=size, batching=batching, rank=r, world_size=world,
                             uneven=uneven))
            for r in range(world)
        ]  # fmt: skip

    repeated = deal("repeat")
    assert len({len(batches) for batches in repeated}) == 1
    assert {c for batches in repeated for batch in batches for c in batch} == set(clips)
    alone = len(ClipSampler(clips, batch_size=size, batching=batching))
    if alone < world:
        with pytest.raises(DatasetError, match="fewer than the"):
            deal("drop")
        return
    dropped = deal("drop")
    assert {len(batches) for batches in dropped} == {alone // world}
    seen = Counter(c for batches in dropped for batch in batches for c in batch)
    assert max(seen.values()) == 1
    assert len(clips) - sum(seen.values()) < world * size


def test_a_step_of_all_ranks_is_a_step_of_one_with_larger_batches():
    clips = enumerate_clips({"a": 100, "b": 60}, context=0, targets=1)
    alone = list(ClipSampler(clips, batch_size=8, seed=3))
    ranks = [list(ClipSampler(clips, batch_size=2, seed=3, rank=r, world_size=4)) for r in range(4)]
    together = [[c for batch in step for c in batch] for step in zip(*ranks, strict=True)]
    assert together == alone


@given(
    LENGTHS,
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(0, 60),
    BATCHING,
)
def test_a_run_goes_on_in_the_middle_of_an_epoch(lengths, size, world, epoch, stop, batching):
    clips = enumerate_clips(lengths, context=0, targets=1)

    def sampler(rank: int) -> ClipSampler:
        return ClipSampler(
            clips, batch_size=size, seed=7, batching=batching, rank=rank, world_size=world
        )

    for rank in range(world):
        undisturbed = sampler(rank)
        undisturbed.set_epoch(epoch)
        stop = min(stop, len(undisturbed))
        batches = iter(undisturbed)
        before = [next(batches) for _ in range(stop)]
        state = json.loads(json.dumps(undisturbed.state_dict()))
        resumed = sampler(rank)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        resumed.set_epoch(epoch)
        assert before + list(resumed) == before + list(batches)
        assert list(resumed) == list(undisturbed)
        resumed.load_state_dict(state)
        resumed.set_epoch(epoch + 1)
        undisturbed.set_epoch(epoch + 1)
        assert list(resumed) == list(undisturbed)


def test_a_state_of_other_settings_is_refused():
    clips = enumerate_clips({"a": 20}, context=0, targets=1)
    state = ClipSampler(clips, batch_size=4).state_dict()
    with pytest.raises(DatasetError, match="batch_size 4, this one has 2"):
        ClipSampler(clips, batch_size=2).load_state_dict(state)
    with pytest.raises(DatasetError, match="clips 20, this one has 19"):
        ClipSampler(clips[1:], batch_size=4).load_state_dict(state)
