"""A trainee made ready for one process or several, and its whole state out of any of these forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mien.training.checkpoint import Checkpoint, pack_optimiser, unpack_optimiser
from mien.training.processes import Processes
from mien.training.recipe import RunPart
from mien.training.trainee import Trainee


class Wrapped:
    """Calls the trainee the way its processes ask for; ``trainee`` itself stays as it was named."""

    def __init__(self, trainee: Trainee, run: RunPart, processes: Processes) -> None:
        self.trainee = trainee
        self.sharded = processes.count > 1 and run.parallel == "fsdp"
        self.call: nn.Module = trainee
        if self.sharded:
            from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

            # Two roots: a validation calls the net alone.
            for module in (trainee.net, trainee.criterion):
                if any(True for _ in module.parameters()):
                    fully_shard(module)
            if hasattr(trainee.criterion, "logits"):  # what losses over classes answer at validation
                register_fsdp_forward_method(trainee.criterion, "logits")
        elif processes.count > 1:
            ids = [processes.device.index] if processes.device.type == "cuda" else None
            self.call = nn.parallel.DistributedDataParallel(trainee, device_ids=ids)
        if run.compile:
            trainee.net.compile()

    @contextmanager
    def last_pass(self, last: bool) -> Iterator[None]:
        """Exchange gradients between processes only after the last forward pass of a step."""
        if isinstance(self.call, nn.parallel.DistributedDataParallel) and not last:
            with self.call.no_sync():
                yield
            return
        if self.sharded:
            from torch.distributed.fsdp import FSDPModule

            for module in (self.trainee.net, self.trainee.criterion):
                if isinstance(module, FSDPModule):
                    module.set_requires_gradient_sync(last)
        yield

    def weights(self) -> dict[str, Tensor]:
        """All weights, whole: names start with ``net.`` or ``criterion.``.

        Every process must ask; of a sharded net only the first is given them.
        """
        if not self.sharded:
            return self.trainee.state_dict()
        from torch.distributed.checkpoint.state_dict import get_model_state_dict

        return {
            name: _tensor(value)
            for name, value in get_model_state_dict(self.trainee, options=_whole()).items()
        }

    def load_weights(self, values: Mapping[str, Tensor]) -> None:
        if not self.sharded:
            self.trainee.load_state_dict(values)
            return
        from torch.distributed.checkpoint.state_dict import set_model_state_dict

        set_model_state_dict(self.trainee, dict(values), options=_whole())

    def optimiser_state(self, optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The optimiser's tensors and plain values, whole; every process must ask."""
        if not self.sharded:
            return pack_optimiser(optimiser.state_dict())
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

        state = get_optimizer_state_dict(self.trainee, optimiser, options=_whole())
        return pack_optimiser(state) if state else ({}, {})  # only the first process is given it

    def load_optimiser(self, optimiser: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
        state = unpack_optimiser(checkpoint)
        if not self.sharded:
            optimiser.load_state_dict(state)
            return
        from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

        set_optimizer_state_dict(self.trainee, optimiser, state, options=_whole())


def whole(tensor: Tensor) -> Tensor:
    """A sharded tensor put together; any other one as it is."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def spread(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, sharded as another one is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor, like.device_mesh, like.placements)


def _tensor(value: Any) -> Tensor:
    assert isinstance(value, Tensor)
    return value


def _whole() -> Any:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(full_state_dict=True, cpu_offload=True)
