"""Pictures, labels and logits lie on one another, whatever their sizes."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from airseg.models import build_model
from airseg.models.label_maps import label_map
from airseg.models.upsampling import nearest_labels, upsample


def bilinear_at(values, rows, columns):
    """Return (R, C) values between the entries of an array, clamped at its edge, in float64."""
    rows, columns = (
        np.clip(p, 0, n - 1) for p, n in zip((rows, columns), values.shape, strict=True)
    )
    out = np.empty((len(rows), len(columns)))
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            top, left = int(y), int(x)
            below, right = min(top + 1, values.shape[0] - 1), min(left + 1, values.shape[1] - 1)
            a, b = y - top, x - left
            out[i, j] = (1 - a) * ((1 - b) * values[top, left] + b * values[top, right]) + a * (
                (1 - b) * values[below, left] + b * values[below, right]
            )
    return out


def places(coarse, seen, fine, align_corners):
    """Return where each label pixel lies between logits, from pixel centres in two plain steps."""
    of_frame = (np.arange(fine) + 0.5) * seen / fine - 0.5  # edges on edges
    if align_corners:
        return of_frame * (coarse - 1) / (seen - 1)
    return (of_frame + 0.5) * coarse / seen - 0.5


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("seen", [(24, 32), (48, 64)])
def test_logits_of_a_smaller_frame_are_put_where_their_pixels_were(align_corners, seen):
    logits = torch.randn(1, 1, 3, 6, 8, dtype=torch.float64, generator=torch.manual_seed(0))
    size = (48, 64)
    rows, columns = (
        places(c, s, f, align_corners) for c, s, f in zip((6, 8), seen, size, strict=True)
    )
    expected = np.stack([bilinear_at(plane.numpy(), rows, columns) for plane in logits[0, 0]])
    found = upsample(logits, size, align_corners=align_corners, frame_size=seen)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=1e-12)
    labels = label_map(logits.float(), size, align_corners=align_corners, frame_size=seen)
    best = np.sort(expected, axis=0)
    sure = best[-1] - best[-2] > 1e-5
    assert np.array_equal(labels[0, 0].numpy()[sure], expected.argmax(0)[sure])


@pytest.mark.parametrize("align_corners", [True, False])
def test_coarse_labels_are_those_at_the_logits_own_places(align_corners):
    rows, columns = np.arange(480), np.arange(640)
    labels = torch.from_numpy(rows[:, None] * 1000 + columns)[None, None]
    coarse = nearest_labels(labels, (60, 80), align_corners=align_corners)[0, 0]
    for axis, (found, fine, few) in enumerate(
        ((coarse[:, 0] // 1000, 480, 60), (coarse[0] % 1000, 640, 80))
    ):
        step = (fine - 1) / (few - 1) if align_corners else fine / few
        exact = np.arange(few) * step + (0 if align_corners else 0.5 * step - 0.5)
        assert np.abs(found.numpy() - exact).max() <= 0.5, axis


def test_each_networks_logits_lie_as_its_authors_upsample_them():
    """FANet, TDNet, PIDNet's criterion and ESPNet interpolate with align_corners; mmsegmentation
    (SegFormer, TV3S) and PaddleSeg (MA-ResNet50) without."""
    names = {
        True: ("fanet18", "dff_resnet50", "td2_fanet18", "pidnet_s", "espnet", "espnet_convlstm"),
        False: ("segformer", "tv3s", "ma_resnet50", "sta_segformer", "eomt_ti16", "videomt_ti16"),
    }
    with torch.device("meta"):
        found = {a: {n: build_model(n, 11).align_corners for n in names[a]} for a in names}
        for base in ("fanet18", "segformer"):
            for around in ("ssp", "ema", "placebo"):
                model = build_model(around, 11, base=base)
                assert model.align_corners == (base == "fanet18"), (around, base)
    assert all(a == corners for a in found for corners in found[a].values()), found


@pytest.mark.parametrize("align_corners", [True, False])
def test_labels_shrunk_for_training_come_back_where_they_were(align_corners):
    """A network that has learnt its coarse labels by heart is scored over many discs."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:128]
    off, right, swapped = [], 0.0, 0.0
    for _ in range(100):
        middle, reach = random.uniform((30, 30), (66, 98)), random.uniform(12, 28)
        disc = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < reach**2
        labels = torch.from_numpy(disc.astype(np.int64))[None, None]
        truth = nearest_labels(labels, (12, 16), align_corners=align_corners)
        logits = functional.one_hot(truth, 2).movedim(-1, 2).float()
        found = label_map(logits, disc.shape, align_corners=align_corners)[0, 0].numpy() > 0
        other = label_map(logits, disc.shape, align_corners=not align_corners)[0, 0].numpy() > 0
        off.append([np.nonzero(found)[a].mean() - np.nonzero(disc)[a].mean() for a in (0, 1)])
        right, swapped = right + (found == disc).mean(), swapped + (other == disc).mean()
    inherent = 0.0 if align_corners else 0.5  # eight pixels have no middle one
    assert np.abs(np.mean(off, axis=0) + inherent).max() < 0.3
    assert right > swapped
