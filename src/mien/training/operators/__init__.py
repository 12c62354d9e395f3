"""The operators of https://onnx.ai/onnx/operators that face networks use, each a function of PyTorch."""
