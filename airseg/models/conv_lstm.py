"""A convolutional LSTM as Rebol and Knoebelreiter wrote it, and the networks they put it into.

Rebol and Knoebelreiter, Frame-To-Frame Consistent Semantic Segmentation, 2020: ESPNet-ConvLSTM L1a
to L1d, and VSSNet. The cell differs from the textbook's: all three peepholes look at the cell state
before, the output gate's too, and one PReLU with a single slope is for both the candidate and the
output. Only L1b has public code, whose names the weights have; the others follow the paper's
picture. The published network ends in a softmax; here all return logits, whose softmax that is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError, did_you_mean
from airseg.models.base import VideoSegmenter
from airseg.models.espnet import ESPNet
from airseg.models.options import check_at_least, check_choice
from airseg.models.registry import register_model

ACTIVATIONS = ("prelu", "tanh")
_STRIDES = {"l1a": 1, "l1b": 8, "l1c": 4, "l1d": 2}


@dataclass(frozen=True)
class CellState:
    """The memory of a cell: c and h, (B, hidden, h, w) each."""

    cell: Tensor
    hidden: Tensor


class _Cell(nn.Module):
    """One step. Gates are split in the order input, forget, output, candidate.

    Args:
        inputs, hidden: channels.
        kernel: odd.
        activation: ``prelu``, or ``tanh`` as in the textbook.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int, activation: str) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=kernel // 2)
        self.peephole_weights = nn.Parameter(torch.full((3, hidden), 0.1))
        self.activation_function = nn.PReLU() if activation == "prelu" else nn.Tanh()
        with torch.no_grad():
            # The candidate keeps the library's initialisation, as in the authors' runs.
            for gate in self.convolution.weight.split(hidden)[:3]:
                nn.init.xavier_normal_(gate)
            nn.init.zeros_(self.convolution.bias)
            self.convolution.bias[hidden : 2 * hidden] = 0.1

    def forward(self, x: Tensor, state: CellState) -> CellState:
        before = state.cell
        stacked = self.convolution(torch.cat([x, state.hidden], 1))
        to_input, to_forget, to_output, candidate = stacked.chunk(4, 1)
        peep = self.peephole_weights[:, :, None, None]
        let_in = torch.sigmoid(to_input + peep[0] * before)
        keep = torch.sigmoid(to_forget + peep[1] * before)
        let_out = torch.sigmoid(to_output + peep[2] * before)
        cell = keep * before + let_in * self.activation_function(candidate)
        return CellState(cell, let_out * self.activation_function(cell))


class ConvLSTM(nn.Module):
    """A cell and the state a stream begins with.

    Args:
        inputs, hidden, kernel, activation: of the cell.
        state_size: (h, w) of a learned first state, resized where the input is of another size; or
            None for a first state of zeros.

    Raises:
        RecipeError: the kernel is even, or there is no such activation.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        kernel: int,
        activation: str = "prelu",
        state_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise RecipeError(f"kernel is {kernel}; it must be odd.")
        check_choice("activation", activation, ACTIVATIONS)
        self.cell = _Cell(inputs, hidden, kernel, activation)
        self.width = hidden
        learned = state_size is not None
        self.h0 = nn.Parameter(torch.zeros(hidden, *state_size)) if learned else None
        self.c0 = nn.Parameter(torch.zeros(hidden, *state_size)) if learned else None

    def first(self, like: Tensor) -> CellState:
        """Return the state before the first frame, for (B, C, h, w) inputs."""
        batch, _, height, width = like.shape
        if self.h0 is None or self.c0 is None:
            zeros = like.new_zeros(batch, self.width, height, width)
            return CellState(zeros, zeros)

        def resized(state: Tensor) -> Tensor:
            size = (height, width)
            state = functional.interpolate(state[None], size, mode="bilinear", align_corners=True)
            return state.expand(batch, -1, -1, -1)

        return CellState(resized(self.c0), resized(self.h0))

    def forward(
        self, x: Tensor, shape: torch.Size, state: CellState | None
    ) -> tuple[Tensor, CellState]:
        """Run over frames (B * T, C, h, w), `shape` being (B, T).

        Gradients flow through the frames of one call and not into those before: truncated
        back-propagation, whose interval is the clip.
        """
        outputs = []
        for frame in x.unflatten(0, shape).unbind(1):
            state = self.cell(frame, self.first(frame) if state is None else state)
            outputs.append(state.hidden)
        kept = CellState(state.cell.detach(), state.hidden.detach())
        return torch.stack(outputs, 1).flatten(0, 1), kept


class ESPNetConvLSTM(ESPNet):
    """ESPNet with a cell in place of one of its layers.

    Args:
        num_classes: at least 5; also the cell's width.
        position: ``l1a``: after the last deconvolution (1/1); ``l1b``: in place of the encoder's
            classifier (1/8); ``l1c``: of the projection of level 2 (1/4); ``l1d``: of the
            convolution that joins level 1 (1/2).
        kernel: of the cell.
        p, q: as ESPNet's.
        activation: ``prelu``, or ``tanh``, before which the code normalises the input once more.
        state_size: (height, width) of the frames for which the first state is learned, or None for
            zeros.
        training_frames: how many frames a training clip has before the supervised ones.
        train_only_memory: keep everything but the cell as it is, as the paper's loss study does
            after a first stage of training ESPNet alone, whose checkpoint loads here.

    Raises:
        RecipeError: no such position, or an option is impossible.
    """

    paper = "ESPNet-ConvLSTM (Rebol et al., 2020)"
    unbounded = True

    def __init__(
        self,
        num_classes: int,
        position: str = "l1b",
        kernel: int = 5,
        p: int = 2,
        q: int = 3,
        activation: str = "prelu",
        state_size: tuple[int, int] | None = (512, 1024),
        training_frames: int = 3,
        *,
        train_only_memory: bool = False,
    ) -> None:
        super().__init__(num_classes, p, q)
        if position not in _STRIDES:
            hint = did_you_mean(position, _STRIDES, "Positions")
            raise RecipeError(f"there is no position '{position}'.{hint}")
        check_at_least("training_frames", training_frames, 0)
        self.position, self.memory_depth = position, training_frames
        self._width = num_classes
        stride = _STRIDES[position]
        inputs = {"l1a": num_classes, "l1b": 256, "l1c": 131, "l1d": 16 + num_classes}[position]
        learned = None if state_size is None else tuple(n // stride for n in state_size)
        norm = nn.BatchNorm2d(inputs) if activation == "tanh" else None
        clstm = ConvLSTM(inputs, num_classes, kernel, activation, learned)
        if position == "l1b":
            self.encoder.classifier = None
            self.encoder.batch_norm = norm
            self.encoder.clstm = clstm
        else:
            self.batch_norm = norm
            self.clstm = clstm
            replaced = {"l1c": "level3_C", "l1d": "conv"}.get(position)
            if replaced:
                setattr(self, replaced, None)
        if train_only_memory:
            cells = {id(m) for m in clstm.modules()}
            self.freeze(
                *(m for m in self.modules() if not any(id(n) in cells for n in m.modules()))
            )

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a checkpoint's weights; one of ESPNet alone leaves the cell as it begins."""
        if any("clstm." in k for k in state):
            return state
        own = self.state_dict()
        kept = {k: v for k, v in state.items() if k in own}
        if len(kept) < 100:  # no ESPNet at all: let the loader say what is wrong
            return state
        return {k: v for k, v in own.items() if "clstm." in k or "batch_norm." in k} | kept

    def memory_bytes(self, height: int, width: int) -> int:
        stride = _STRIDES[self.position]
        return 4 * 2 * self._width * (height // stride) * (width // stride)

    def _remember(
        self, x: Tensor, shape: torch.Size, memory: CellState | None
    ) -> tuple[Tensor, CellState]:
        home = self.encoder if self.position == "l1b" else self
        if home.batch_norm is not None:
            x = home.batch_norm(x)
        return home.clstm(x, shape, memory)

    def _at_8(self, x: Tensor, shape: torch.Size, memory: CellState | None) -> tuple:
        remembers = self.position == "l1b"
        return self._remember(x, shape, memory) if remembers else super()._at_8(x, shape, memory)

    def _at_4(self, x: Tensor, shape: torch.Size, memory: CellState | None) -> tuple:
        remembers = self.position == "l1c"
        return self._remember(x, shape, memory) if remembers else super()._at_4(x, shape, memory)

    def _at_2(self, x: Tensor, shape: torch.Size, memory: CellState | None) -> tuple:
        remembers = self.position == "l1d"
        return self._remember(x, shape, memory) if remembers else super()._at_2(x, shape, memory)

    def _at_1(self, x: Tensor, shape: torch.Size, memory: CellState | None) -> tuple:
        remembers = self.position == "l1a"
        return self._remember(x, shape, memory) if remembers else (x, memory)


class SSNet(VideoSegmenter):
    """Six 3x3 convolutions with dilations 1, 1, 2, 2, 4, 4 and 64 channels.

    The paper gives neither normalisation, activation, strides nor the last layer's width, and has
    no code. Here: batch normalisation and ReLU after the first five, stride 2 in the first two, and
    as many outputs as classes.

    Args:
        num_classes: channels of the logits.
        recurrent: VSSNet: a `ConvLSTM` in place of the last layer.
        training_frames: of VSSNet, as in `ESPNetConvLSTM`.
    """

    paper = "SSNet, VSSNet (Rebol et al., 2020)"

    def __init__(
        self, num_classes: int, *, recurrent: bool = False, training_frames: int = 3
    ) -> None:
        super().__init__()
        check_at_least("training_frames", training_frames, 0)
        self._width = num_classes
        self.unbounded = recurrent
        self.memory_depth = training_frames if recurrent else 0
        layers: list[nn.Module] = []
        inputs = 3
        for dilation, stride in ((1, 2), (1, 2), (2, 1), (2, 1), (4, 1)):
            layers += [
                nn.Conv2d(inputs, 64, 3, stride, dilation, dilation, bias=False),
                nn.BatchNorm2d(64),
                nn.ReLU(),
            ]
            inputs = 64
        self.features = nn.Sequential(*layers)
        self.last = None if recurrent else nn.Conv2d(64, num_classes, 3, padding=4, dilation=4)
        self.clstm = ConvLSTM(64, num_classes, 3) if recurrent else None

    def coarse(
        self, frames: Tensor, memory: CellState | None = None
    ) -> tuple[Tensor, CellState | None]:
        x = self.features(frames.flatten(0, 1))
        if self.clstm is None:
            x = self.last(x)
        else:
            x, memory = self.clstm(x, frames.shape[:2], memory)
        return x.unflatten(0, frames.shape[:2]), memory

    def memory_bytes(self, height: int, width: int) -> int:
        pixels = -(-height // 4) * -(-width // 4)
        return 4 * 2 * self._width * pixels if self.unbounded else 0


@register_model
def espnet_convlstm(
    num_classes: int,
    position: str = "l1b",
    kernel: int = 5,
    p: int = 2,
    q: int = 3,
    activation: str = "prelu",
    state_size: tuple[int, int] | None = (512, 1024),
    training_frames: int = 3,
    train_only_memory: bool = False,
) -> ESPNetConvLSTM:
    """Build ESPNet-ConvLSTM; the arguments are those of `ESPNetConvLSTM`."""
    size = None if state_size is None else (int(state_size[0]), int(state_size[1]))
    return ESPNetConvLSTM(
        num_classes,
        position,
        kernel,
        p,
        q,
        activation,
        size,
        training_frames,
        train_only_memory=train_only_memory,
    )


@register_model
def ssnet(num_classes: int) -> SSNet:
    """Build SSNet."""
    return SSNet(num_classes)


@register_model
def vssnet(num_classes: int, training_frames: int = 3) -> SSNet:
    """Build VSSNet."""
    return SSNet(num_classes, recurrent=True, training_frames=training_frames)
