"""Smaller and faster models, each shown beside the one it came from: quantize, prune, factor, distill."""
