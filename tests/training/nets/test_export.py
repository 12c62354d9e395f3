"""Every net leaves PyTorch: as ONNX it gives the same answers, for any number of pictures."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch

from mien.training.nets import build_net

NETS: dict[str, dict[str, object]] = {
    "cnn": {"width": 4, "hidden": 16, "dropout": 0.3, "drop_connect": 0.3},
    "vgg11": {"width": 4},
    "resnet18": {"width": 4, "drop_path": 0.2},
    "irse18": {"width": 4},
    "inception_resnet": {"width": 0.1, "blocks": (1, 1, 1), "padded": True},
    "mobilefacenet": {"width": 0.25, "last": 32},
    "vit": {"width": 12, "depth": 2, "heads": 2},
    "siamese": {"options": {"width": 4, "hidden": 16}},
}


def trained(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    net = build_net(name, size=32, channels=3, dim=6, **NETS[name])
    net(torch.rand(8, 3, 32, 32) * 2 - 1)  # one step of training, so that normalisation knows the data
    return net.eval()


def onnx_of(net: torch.nn.Module) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter is deprecated; the newer needs a package more
        torch.onnx.export(
            net,
            (torch.zeros(2, 3, 32, 32),),
            stream,  # type: ignore[arg-type]  # this exporter writes into files, too
            input_names=["input"],
            output_names=["features"],
            dynamic_axes={"input": {0: "n"}, "features": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    return stream.getvalue()


@pytest.mark.parametrize("name", NETS)
def test_onnx_runtime_answers_what_pytorch_answers(name: str) -> None:
    net = trained(name)
    session = onnxruntime.InferenceSession(onnx_of(net), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        pictures = torch.rand(count, 3, 32, 32) * 2 - 1
        (answered,) = session.run(None, {"input": pictures.numpy()})
        wanted = net(pictures).detach().numpy()
        np.testing.assert_allclose(answered, wanted, atol=1e-4 * np.abs(wanted).max(), rtol=1e-3)
