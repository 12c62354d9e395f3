"""What users say about models and formats becomes a configuration, or a clear refusal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mien.core.errors import InputError, UnknownModel
from mien.embedding.calibration import shipped_calibration
from mien.pipeline.config import PROFILES, Config, configure
from mien.pipeline.networks import wanted_card
from mien.zoo.folder import models_folder
from mien.zoo.registry import card


def test_every_profile_names_cards_that_exist_and_may_be_used_commercially() -> None:
    for profile in PROFILES.values():
        config = Config(profile)
        for names in config.model_names({"landmarks", "embedding"}).values():
            assert all(card(name).commercial for name in names.split("+"))


def test_a_model_replaces_the_profiles_model_of_its_task() -> None:
    config = configure("fast", models="centerface")
    assert config.profile.detector == "centerface"
    assert config.profile.embedder == PROFILES["fast"].embedder


def test_only_the_fast_profile_takes_quick_arithmetic_and_a_frame_for_all_pictures() -> None:
    fast = wanted_card(card("yunet"), PROFILES["fast"])
    assert (fast.preprocess.width, fast.preprocess.height) == (320, 320)
    assert "bf16" in fast.precisions
    assert "int8" in wanted_card(card("sface"), PROFILES["fast"]).precisions
    for name in ("balanced", "accurate"):
        for model in ("yunet", "centerface", "sface", "dlib_resnet", "mesh468"):
            assert wanted_card(card(model), PROFILES[name]) == card(model)


def test_an_unknown_profile_lists_those_that_exist() -> None:
    with pytest.raises(InputError, match="choose fast, balanced, accurate"):
        configure("best")


def test_an_unknown_model_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownModel, match="did you mean sface"):
        configure(models="sfase")


def test_a_model_for_another_task_is_refused() -> None:
    with pytest.raises(InputError, match="astronaut is for the task 'sample'"):
        configure(models="astronaut")


def test_more_formats_are_added_to_those_that_are_always_read() -> None:
    assert configure(formats="tiff, GIF").formats == {"jpeg", "png", "webp", "tiff", "gif"}
    assert {"heic", "avif"} <= configure(formats="all").formats
    with pytest.raises(InputError, match="no picture format is called psd"):
        configure(formats="psd")


def test_the_cache_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    assert Config().cache == tmp_path
    assert models_folder() == tmp_path / "models"
    monkeypatch.setenv("MIEN_CACHE", "~/there")
    assert Config().cache == Path("~/there").expanduser()


def test_a_quick_profile_asks_for_the_calibration_of_its_own_arithmetic() -> None:
    assert PROFILES["fast"].calibrated == "sface.quick"
    assert PROFILES["balanced"].calibrated == "sface"
    assert replace(PROFILES["fast"], embedder="own/net.toml").calibrated == "own/net.toml"
    assert shipped_calibration(PROFILES["fast"].calibrated).embedder == "sface"
    assert shipped_calibration("sface+dlib_resnet.quick").embedder == "sface+dlib_resnet"
