"""Our PNG files are everybody's PNG files."""

import io
import subprocess
import sys

import cv2
import numpy as np
import pytest

from airseg.recording.stored import png
from airseg.recording.stored.png import encode_png


def images():
    random = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(random.integers(0, 256, (37, 53, 3), dtype=np.uint8), (0, 0), 3)
    return {
        "colour": smooth,
        "labels": (smooth[..., 0] // 40).astype(np.uint8),
        "depth": random.random((37, 53)).astype(np.float16).view(np.uint16),
        "one column": smooth[:, :1],
        "a view that is not contiguous": smooth[::2, 5:40, ::-1],
    }


@pytest.mark.parametrize("kind", images())
def test_opencv_reads_what_was_written(kind):
    image = images()[kind]
    read = cv2.imdecode(np.frombuffer(encode_png(image), np.uint8), cv2.IMREAD_UNCHANGED)
    read = read[..., ::-1] if image.ndim == 3 else read
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize("kind", images())
def test_pillow_reads_what_was_written_and_checks_its_sums(kind):
    reader = pytest.importorskip("PIL.Image")
    image = images()[kind]
    with reader.open(io.BytesIO(encode_png(image))) as file:
        file.verify()
    with reader.open(io.BytesIO(encode_png(image))) as file:
        np.testing.assert_array_equal(np.asarray(file), image)


MANY_LABELS = """
import runpy, sys, zlib
import numpy as np
encode_png = runpy.run_path(sys.argv[1])["encode_png"]  # without the package, which loads pandas
random = np.random.default_rng(5)
images = (random.integers(0, 2 + i % 5, (6, 8), dtype=np.uint8) for i in range(2000))
print(zlib.crc32(b"".join(map(encode_png, images))))
"""


def test_the_same_image_is_the_same_file_in_every_process():
    """The addresses of a process, which differ from one to the next, once showed in files."""
    command = [sys.executable, "-c", MANY_LABELS, png.__file__]
    made = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(5)]
    assert len(set(made)) == 1
