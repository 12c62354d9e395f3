"""Tiny stand-ins for models, and a stand-in for the network."""

from __future__ import annotations

import hashlib

import pytest

from mien.core.modelcard import ModelCard, Preprocess, Source
from mien.zoo import download
from mien.zoo.package_index import Progress, SourceFailed

CONTENT = b"weights of a tiny model " * 40
PUBLISHER = Source("url", "https://publisher.invalid/tiny.onnx")
WHEEL = Source("wheel", "tiny-model==1.0", "tiny/tiny.onnx")


def make_card(
    content: bytes = CONTENT,
    *,
    name: str = "tiny",
    file: str = "tiny.onnx",
    commercial: bool = True,
    sources: tuple[Source, ...] = (PUBLISHER,),
) -> ModelCard:
    return ModelCard(
        name=name,
        task="detect",
        file=file,
        format="onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        licence="MIT" if commercial else "research only",
        commercial=commercial,
        origin="https://publisher.invalid/tiny",
        sources=sources,
        preprocess=Preprocess(width=8, height=8),
    )


class FakeNetwork:
    """Answers in place of every kind of source, and counts how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, bytes | SourceFailed] = {}
        self.asked: list[str] = []
        for kind in ("url", "wheel", "sdist"):
            monkeypatch.setitem(download._GETTERS, kind, self._answer)

    def _answer(self, source: Source, card: ModelCard, report: Progress) -> bytes:
        self.asked.append(source.location)
        answer = self.answers.get(source.location, SourceFailed("no route to host"))
        if isinstance(answer, SourceFailed):
            raise answer
        report(len(answer), len(answer))
        return answer
