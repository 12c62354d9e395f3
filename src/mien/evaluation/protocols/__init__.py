"""Readers of evaluation protocols: one file a format, each yields cases."""

from __future__ import annotations

from pathlib import Path

from mien.evaluation.protocols.cfp import read_cfp_pairs
from mien.evaluation.protocols.lfw import is_lfw_list, read_lfw_pairs
from mien.evaluation.protocols.pairs import PairList, read_pair_table, read_text


def read_pairs(source: Path, images: Path) -> PairList:
    """Read pairs in whichever format they come: LFW's list, a CSV/TSV table, or CFP's protocol folder."""
    if source.is_dir():
        return read_cfp_pairs(source, images)
    if is_lfw_list(read_text(source)):
        return read_lfw_pairs(source, images)
    return read_pair_table(source, images)
