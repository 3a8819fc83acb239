"""Label maps that somebody else's program predicted: read, checked, streamed.

Either a folder with a folder per sequence, whose images end in the frame's number
(``predictions/garden_test/000000.png``; 8-bit ids or a palette, or ``.npy``), or an HDF5 file with
an array (T, H, W) of integers per sequence, named after it, at the top or under ``sequences``.
What is missing is told before anything is scored.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from airseg.dataset.format.attributes import PACK_AGAIN
from airseg.dataset.format.chunk_codecs import ChunkError, require_filters
from airseg.dataset.format.files import open_hdf5
from airseg.dataset.format.label_images import image_size, read_labels, read_stored
from airseg.dataset.format.probe import refuse_endless
from airseg.dataset.format.structure import check_tables
from airseg.dataset.packing.frame_names import last_number, visible_files
from airseg.dataset.packing.label_palettes import look_at_headers
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError, RecipeError, did_you_mean

SUFFIXES = (".png", ".npy")
_CHUNK = 8


class Submission(ABC):
    """Predictions of some sequences.

    Attributes:
        path: the folder or file.
        digest: hash of everything read so far, in the order of reading.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hash = hashlib.blake2b(digest_size=12)

    @property
    def digest(self) -> str:
        """Return the hash of everything read so far."""
        return self._hash.hexdigest()

    @abstractmethod
    def place(self, view: SequenceView, index: int) -> str:
        """Return what to call one frame's prediction in an error."""

    @abstractmethod
    def check(self, view: SequenceView) -> None:
        """Raise RecipeError where a sequence's predictions are missing or cannot fit."""

    @abstractmethod
    def _read(self, view: SequenceView, start: int, stop: int) -> list[np.ndarray]:
        """Return predictions as they are stored: (H, W) integers each."""

    def stream(self, view: SequenceView) -> Iterator[tuple[int, np.ndarray]]:
        """Yield a sequence's predictions in order: first frame number, (T, H, W) uint8.

        Raises:
            RecipeError: one is damaged, of another size, or names a class that does not exist.
        """
        self._hash.update(view.name.encode())
        for start in range(0, view.length, _CHUNK):
            stop = min(start + _CHUNK, view.length)
            images = self._read(view, start, stop)
            labels = view.label(start, stop)
            for index, (image, label) in enumerate(zip(images, labels, strict=True), start):
                self._check_image(view, index, image, label)
            chunk = np.stack(images).astype(np.uint8)
            self._hash.update(chunk.data)
            yield start, chunk

    def frame(self, view: SequenceView, index: int) -> np.ndarray:
        """Return one frame's prediction: (H, W) uint8."""
        return self._read(view, index, index + 1)[0].astype(np.uint8)

    def objects(self, view: SequenceView, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one labelled frame's classes, (H, W) uint8, and objects, (H, W) uint32.

        Raises:
            RecipeError: one is damaged, of another size, tells no objects, or names a class that
                does not exist.
        """
        image, numbers = self._read_objects(view, index)
        self._check_image(view, index, image, view.label(index, index + 1)[0])
        _check_size(self.place(view, index), numbers.shape, view)
        return image.astype(np.uint8), numbers.astype(np.uint32)

    @abstractmethod
    def _read_objects(self, view: SequenceView, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one frame's classes and objects as they are stored: (H, W) integers each."""

    def _check_image(
        self, view: SequenceView, index: int, image: np.ndarray, label: np.ndarray
    ) -> None:
        where = self.place(view, index)
        _check_size(where, image.shape, view)
        data = view.dataset
        wrong = (image < 0) | (image >= data.num_classes)
        wrong &= label != data.ignore_index
        if wrong.any():
            y, x = np.argwhere(wrong)[0]
            raise RecipeError(
                f"{where}: predicts {image[y, x]} at column {x}, row {y}, but the classes are 0 to "
                f"{data.num_classes - 1} ({data.class_names[0]} to {data.class_names[-1]}). Every "
                "labelled pixel needs one of them."
            )


def check_submission(path: Path) -> None:
    """Raise RecipeError where there is no such folder or file."""
    if not (path.is_dir() or path.is_file()):
        raise RecipeError(f"{path}: there is no such folder or file.")


def open_submission(path: Path, dataset: Dataset, sequences: Sequence[str]) -> Submission:
    """Open predictions and check that all frames of some sequences are there.

    Args:
        path: a folder or an HDF5 file.
        dataset: what they are predictions of.
        sequences: those to be scored; predictions of the dataset's others are left alone.

    Raises:
        RecipeError: there is nothing like that, or something is missing.
    """
    check_submission(path)
    if path.is_dir():
        found: Submission = _Folder(path)
        names = sorted(p.name for p in path.iterdir() if p.is_dir())
        if not names:
            hint = " and has images itself: put them into it" if _images(path) else ""
            raise RecipeError(
                f"{path}: has no folder per sequence{hint}. Expected {path.name}/{sequences[0]}/"
                "000000.png and so on."
            )
    else:
        opened = _File(path)
        found, names = opened, opened.names()
    missing = [name for name in sequences if name not in names]
    strange = [name for name in names if name not in dataset.sequences]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        hint = did_you_mean(missing[0], strange)
        raise RecipeError(f"{path}: has no predictions of {missing[0]}{others}.{hint}")
    if strange:
        raise RecipeError(
            f"{path}: {strange[0]} is no sequence of {dataset.path.name}."
            f"{did_you_mean(strange[0], dataset.sequences)} Are these predictions of another one?"
        )
    for name in sequences:
        found.check(dataset.sequence(name))
    return found


class _Folder(Submission):
    """A folder of images per sequence."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._files: dict[str, dict[int, Path]] = {}

    def place(self, view: SequenceView, index: int) -> str:
        return str(self._files[view.name][index])

    def check(self, view: SequenceView) -> None:
        folder = self.path / view.name
        files = self._files[view.name] = _by_number(folder)
        last = view.length - 1
        if not files:
            raise RecipeError(f"{folder}: has no {' or '.join(SUFFIXES)} files.")
        if sorted(files) == list(range(1, view.length + 1)):
            raise RecipeError(
                f"{folder}: its files are numbered 1 to {view.length}, frames are 0 to {last}. "
                "Number them from 0."
            )
        missing = [i for i in range(view.length) if i not in files]
        if missing:
            raise RecipeError(
                f"{folder}: {len(missing)} of {view.length} frames have no prediction, the first "
                f"is frame {missing[0]} (such as {missing[0]:06d}.png)."
            )
        beyond = min((i for i in files if i > last), default=None)
        if beyond is not None:
            raise RecipeError(
                f"{files[beyond]}: there is no frame {beyond}, {view.name} has frames 0 to {last}."
            )
        try:
            look_at_headers([files[index] for index in sorted(files)])
        except DatasetError as cause:
            raise RecipeError(f"{str(cause).partition(', or say')[0].rstrip('.')}.") from None

    def _read(self, view: SequenceView, start: int, stop: int) -> list[np.ndarray]:
        images = []
        for index in range(start, stop):
            path = self._files[view.name][index]
            try:
                _check_size(str(path), image_size(path), view)
                image = read_labels(path)
            except DatasetError as cause:
                raise RecipeError(str(cause)) from None
            if image.ndim == 3 and not image.any():
                image = image[..., 0]  # class 0 everywhere, stored as RGB
            if image.ndim != 2:
                raise RecipeError(
                    f"{path}: is a colour picture. Save class ids, 0 to "
                    f"{view.dataset.num_classes - 1}, as 8-bit grey values."
                )
            images.append(image)
        return images

    def _read_objects(self, view: SequenceView, index: int) -> tuple[np.ndarray, np.ndarray]:
        path = self._files[view.name][index]
        try:
            _check_size(str(path), image_size(path), view)
            image = read_stored(path, exact=True) if path.suffix == ".png" else None
        except DatasetError as cause:
            raise RecipeError(str(cause)) from None
        if image is None or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise RecipeError(
                f"{path}: tells no objects. Save 8-bit RGB pictures as KITTI-STEP does: red is the "
                "class, 256 green + blue the number of the object."
            )
        blue, green, red = np.moveaxis(image.astype(np.uint32), -1, 0)
        return red, green << 8 | blue


class _File(Submission):
    """An HDF5 file with an array per sequence."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not h5py.is_hdf5(path):
            raise RecipeError(f"{path}: is neither a folder nor HDF5.")
        try:
            refuse_endless(path)
            check_tables(path)
            self._file = open_hdf5(path)
        except DatasetError as cause:
            raise RecipeError(str(cause).replace(PACK_AGAIN, "Write it again.")) from None
        inside = self._file.get("sequences")
        self._root = inside if isinstance(inside, h5py.Group) else self._file

    def names(self) -> list[str]:
        """Return the sequences it has predictions of."""
        return sorted(self._root)

    def place(self, view: SequenceView, index: int) -> str:
        return f"{self.path}: {view.name}, frame {index}"

    def check(self, view: SequenceView) -> None:
        array, where = self._array(view), f"{self.path}: {view.name}"
        if array is None:
            raise RecipeError(f"{where}: should be an array, or a group with one named label.")
        if array.ndim == 4:
            raise RecipeError(
                f"{where}: is of shape {array.shape}; expected (frames, height, width). Of logits "
                "or one-hot labels, take the largest class."
            )
        if array.dtype.kind not in "ui":
            raise RecipeError(
                f"{where}: holds {array.dtype}; expected integers, one class a pixel."
            )
        if array.ndim != 3 or len(array) != view.length:
            raise RecipeError(
                f"{where}: is of shape {array.shape}; expected {view.length} frames: "
                f"({view.length}, {view.height}, {view.width})."
            )

    def _array(self, view: SequenceView) -> h5py.Dataset | None:
        found = self._root[view.name]
        if isinstance(found, h5py.Group):
            found = found.get("label", found.get("prediction"))
        return found if isinstance(found, h5py.Dataset) else None

    def _read(self, view: SequenceView, start: int, stop: int) -> list[np.ndarray]:
        array = self._array(view)
        assert array is not None, "checked when it was opened"
        try:
            require_filters(array)
            return list(array[start:stop])
        except (ChunkError, OSError) as cause:
            raise RecipeError(
                f"{self.path}: {view.name}: frames {start} to {stop - 1} cannot be read "
                f"({str(cause).strip().splitlines()[0]})."
            ) from None

    def _read_objects(self, view: SequenceView, index: int) -> tuple[np.ndarray, np.ndarray]:
        group, where = self._root[view.name], f"{self.path}: {view.name}"
        numbers = group.get("instance") if isinstance(group, h5py.Group) else None
        shape = (view.length, view.height, view.width)
        if not isinstance(numbers, h5py.Dataset) or numbers.dtype.kind not in "ui":
            raise RecipeError(
                f"{where}: tells no objects; expected a group with label and instance, integers of "
                f"shape {shape}."
            )
        if numbers.shape != shape:
            raise RecipeError(
                f"{where}/instance: is of shape {numbers.shape}; expected {view.length} frames: "
                f"{shape}."
            )
        try:
            require_filters(numbers)
            return self._read(view, index, index + 1)[0], numbers[index]
        except (ChunkError, OSError) as cause:
            raise RecipeError(
                f"{where}: instance of frame {index} cannot be read "
                f"({str(cause).strip().splitlines()[0]})."
            ) from None


def _check_size(where: str, size: tuple[int, ...] | None, view: SequenceView) -> None:
    """Refuse a size, of a header before anything is decoded, or of what was decoded."""
    if size is not None and size != (view.height, view.width):
        raise RecipeError(
            f"{where}: is {size[1]}x{size[0]}, the labels are {view.width}x{view.height}. Upsample "
            "the network's logits to that size before taking the class."
        )


def _images(folder: Path) -> list[Path]:
    return visible_files(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)


def _by_number(folder: Path) -> dict[int, Path]:
    """Return a folder's images by the last number in their names."""
    found: dict[int, Path] = {}
    for path in _images(folder):
        match = last_number(path.stem)
        if match is None:
            raise RecipeError(f"{path}: its name has no frame number. Expected 000000.png.")
        number = int(match[1])
        if number in found:
            raise RecipeError(
                f"{path}: is frame {number}, and so is {found[number].name}. Keep one of them."
            )
        found[number] = path
    return found
