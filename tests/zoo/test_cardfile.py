"""Card files: what is wrong is said with the file, the key and the cure."""

from __future__ import annotations

import pytest
from tests.zoo.tiny import make_card

from mien.core.errors import ModelError
from mien.zoo.cardfile import format_card, parse_card
from mien.zoo.registry import shipped_cards

GOOD = format_card(make_card())


def test_every_shipped_card_survives_a_round_trip() -> None:
    for card in shipped_cards().values():
        assert parse_card(format_card(card), card.name) == card


def test_awkward_text_survives_a_round_trip() -> None:
    text = GOOD.replace('licence = "MIT"', r'licence = "a \"b\" \\ \u007f é \n"')
    card = parse_card(text, "x")
    assert card.licence == 'a "b" \\ \x7f é \n'
    assert parse_card(format_card(card), "x") == card


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('task = "detect"', 'task = "detekt"', "key task must be one of"),
        ('task = "detect"', "", "key task is missing"),
        ('task = "detect"', 'task = "embed"', "key dimension is missing"),
        ("commercial = true", "commercial = true\nthreshold = nan", "key threshold must be a number"),
        ("commercial = true", "commercial = true\nx = " + "[" * 9999, "is not valid TOML"),
        ("commercial = true", "commercial = 1", "key commercial must be true or false"),
        ("commercial = true", "commercial = true\ncomercial = true", "key comercial is not one we know"),
        ("size = 960", "size = true", "key size must be a whole number"),
        ("size = 960", "size = 0", "key size must be a whole number"),
        ("size = 960", 'size = "960"', "key size must be a whole number"),
        ("size = 960", "", "key size is missing"),
        ('sha256 = "', 'sha256 = "0', "key sha256 must be"),
        ('name = "tiny"', 'name = "../tiny"', "key name must be"),
        ('file = "tiny.onnx"', 'file = "../tiny.onnx"', "key file must be"),
        ('file = "tiny.onnx"', 'file = "NUL.onnx"', "key file must be"),
        ("std = [1.0, 1.0, 1.0]", "std = [1.0, 0.0, 1.0]", "key preprocess.std must be"),
        ("std = [1.0, 1.0, 1.0]", "std = [1.0, 1.0]", "key preprocess.std must be three numbers"),
        ("stride = 1", "stride = 1\nscale = 2", "key preprocess.scale is not one we know"),
        ('precisions = ["fp32"]', 'precisions = ["fp16"]', "key precisions must be"),
        ("[preprocess]", "quick_precisions = 8\n[preprocess]", "key quick_precisions must be a list out of"),
        ("[preprocess]", 'quick_precisions = ["int8"]\n[preprocess]', "key ranges is missing"),
        ("[preprocess]", "[ranges]\nx = [1.0, 2.0]\n[preprocess]", "key ranges.x must be two numbers"),
        ("[preprocess]", "[ranges]\nx = [0.0, 0.0]\n[preprocess]", "key ranges.x must be two numbers"),
        ("[preprocess]", "[ranges]\nx = [0.0, inf]\n[preprocess]", "key ranges.x must be two numbers"),
        ("https://publisher.invalid/tiny.onnx", "http://publisher.invalid/tiny.onnx", "sources[0].location"),
        ("https://publisher.invalid/tiny.onnx", "https://me@host/tiny.onnx", "sources[0].location"),
        ('kind = "url"', 'kind = "ftp"', "key sources[0].kind must be one of url, wheel, sdist"),
        ('kind = "url"', 'kind = "file"', "key sources[0].kind must be one of url, wheel, sdist"),
        ("[preprocess]", "[preprocess", "is not valid TOML"),
    ],
)
def test_says_the_file_the_key_and_the_cure(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ModelError) as caught:
        parse_card(GOOD.replace(old, new), "cards/tiny.toml")
    message = str(caught.value)
    assert message.startswith("cards/tiny.toml")
    assert said in message
    assert ": " in message


@pytest.mark.parametrize("location", ["--index-url=x==1", "pkg", "pkg==1 --pre", "pkg>=1", "pkg @ file:///x"])
def test_a_requirement_can_never_become_an_option_of_pip(location: str) -> None:
    text = GOOD.replace('kind = "url"', 'kind = "wheel"\npath = "a/b"').replace(
        "https://publisher.invalid/tiny.onnx", location
    )
    with pytest.raises(ModelError, match="location"):
        parse_card(text, "x")


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//x", "a\\\\x", ""])
def test_a_member_path_never_climbs(path: str) -> None:
    text = GOOD.replace('kind = "url"', f'kind = "wheel"\npath = "{path}"').replace(
        "https://publisher.invalid/tiny.onnx", "pkg==1"
    )
    with pytest.raises(ModelError, match="path"):
        parse_card(text, "x")
