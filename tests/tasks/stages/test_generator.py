"""Generators as stages: what is in their keys, who shares them, and attacks that make examples with them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from pydantic import ValidationError

from tasks.data.images import Images, Splits
from tasks.errors import CorruptArtifactError, StageError
from tasks.paths import EXAMPLES, HISTORY, MODEL
from tasks.schema import EXAMPLES as EXAMPLES_SCHEMA
from tasks.schema import HISTORY as HISTORY_SCHEMA
from tasks.schema import read_table
from tasks.stages.context import Context, Part
from tasks.stages.generator import load_generator
from tasks.stages.run import run_stages
from tasks.trial.chain import Stage, list_own_stages
from tasks.trial.row import make_finished_row
from tests.support import small

ADVGAN = {"name": "advgan", "eps": 0.2, "examples": 40, "generator": {"name": "advgan", "epochs": 2, "width": 4}}
DENOISER = {"name": "denoiser", "epochs": 1, "width": 4}
DIFFUSION = {"name": "diff_pgd", "eps": 0.2, "steps": 2, "examples": 20, "generator": DENOISER}
WITNESS = {"seed": 5, "model": {"name": "resnet8"}, "train": {"epochs": 1, "batch_size": 50, "optimizer": small.SGD}}
UNRESTRICTED = {
    "name": "diff_pgd_unrestricted", "steps": 3, "step_size": 0.1, "examples": 40, "generator": DENOISER,
    "witness": WITNESS,
}  # fmt: skip


def find_generator(attack: dict[str, Any], **sections: Any) -> Stage:
    """The one generator of a trial; it stands right before the attack."""
    stages = small.stages_of(small.trial(attack=attack, **sections))
    (found,) = [stage for stage in stages if stage.kind == "generator"]
    assert stages[-2] == found
    assert found not in list_own_stages(stages)
    assert stages[-1].upstream["generator"] == found.key
    return found


def test_a_generator_against_a_model_is_shared_by_what_attacks_that_model_at_that_budget() -> None:
    found = find_generator(ADVGAN)
    assert find_generator(ADVGAN | {"examples": 20, "only_correct": True}).key == found.key
    longer = {"epochs": 2, "batch_size": 50, "optimizer": small.SGD}
    assert find_generator(ADVGAN, train=longer).key != found.key
    assert find_generator(ADVGAN, seed=1).key != found.key
    assert find_generator(ADVGAN | {"eps": 0.1}).key != found.key
    fixed = ADVGAN | {"generator": {**ADVGAN["generator"], "eps": 0.2}}  # type: ignore[dict-item]
    assert find_generator(fixed).key == find_generator(fixed | {"eps": 0.1}).key == found.key


def test_a_generator_by_transfer_is_trained_against_the_surrogate() -> None:
    found = find_generator(ADVGAN | {"surrogate": WITNESS})
    other = small.stages_of(small.trial(seed=5))[0]
    assert found.upstream == {"model": other.key}


def test_a_denoiser_knows_the_data_alone() -> None:
    found = find_generator(DIFFUSION)
    assert found.upstream == {}
    assert found.identity["model"] is None
    assert find_generator(UNRESTRICTED).key == found.key
    assert find_generator(DIFFUSION, model={"name": "resnet18"}).key == found.key
    assert find_generator(DIFFUSION, seed=1).key != found.key
    seeded = DIFFUSION | {"generator": {**DENOISER, "seed": 0}}
    assert find_generator(seeded, seed=1).key == found.key


def test_where_nothing_is_attacked_there_is_no_generator() -> None:
    stages = small.stages_of(small.trial(attack={**ADVGAN, "eps": 0}))
    assert [stage.kind for stage in stages] == ["train", "attack"]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"attack": {**UNRESTRICTED, "witness": {**WITNESS, "seed": None}}}, "another classifier"),
        ({"attack": ADVGAN, "inference": {"transformations": [{"name": "jpeg"}]}}, "adaptive: false"),
        ({"adversarial_finetune": {"epochs": 1, "lambda": 0.5, "optimizer": small.SGD,
                                   "attack": {"name": "advgan", "eps": 0.1}}}, "needs a generator"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        small.trial(**sections)


@pytest.mark.slow
def test_a_generator_is_published_and_its_attack_names_it(tmp_path: Path) -> None:
    at, asked = small.context(tmp_path), small.trial(attack=ADVGAN)
    train, generator, attack = small.run(asked, at)
    stages = small.stages_of(asked)
    history = read_table(at.store.read_file(generator, HISTORY), HISTORY_SCHEMA)
    assert history["epoch"].to_pylist() == [0, 1]
    assert history["stage"].unique().to_pylist() == ["generator"]
    assert generator["metrics"]["training_images"] == 200
    row = make_finished_row(asked, stages, {each["key"]: each for each in (train, generator, attack)})
    assert row["generator_key"] == generator["key"]
    assert row["generator_seconds"] == generator["seconds"] > 0
    assert row["eps_reached"] == pytest.approx(0.2, rel=0.2)
    settings = stages[-1].settings.method.required_generator  # type: ignore[attr-defined]
    images = at.load_data(stages[-1], "test").test
    kept = load_generator(stages[-1], settings, images, at)
    stored = safetensors.torch.load(at.store.read_model(generator["key"])[1])
    assert all(value.equal(stored[name]) for name, value in kept.state_dict().items())
    wider = settings.model_copy(update={"width": 8})
    with pytest.raises(CorruptArtifactError, match=f"{MODEL} is no generator advgan"):
        load_generator(stages[-1], wider, images, at)


@pytest.mark.parametrize("attack", [ADVGAN, DIFFUSION], ids=["advgan", "denoiser"])
def test_a_generator_sees_training_images_alone(
    attack: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither test nor validation images: other ones there give the same weights to the bit, and the model is theirs
    too."""
    data = {"name": "digits", "train_examples": 100, "split": {"validation": 0.2}}
    asked = small.trial(attack=attack, dataset=data)
    *_, stage, _ = small.stages_of(asked)
    before = [each for each in small.stages_of(asked) if each.kind == "train"]
    read, found = set[str](), []
    load = Context.load_data

    def load_other(context: Context, stage: Stage, *parts: Part) -> Splits:
        read.update(parts)
        splits = load(context, stage, *parts)
        return replace(splits, test=darken(splits.test), validation=darken(splits.validation))

    for each in before:
        run_stages([each], small.context(tmp_path / "as they are"))
    shutil.copytree(tmp_path / "as they are", tmp_path / "others")
    for folder in ("as they are", "others"):
        at = small.context(tmp_path / folder)
        with monkeypatch.context() as patch:
            if folder == "others":
                patch.setattr(Context, "load_data", load_other)
            found.append(small.weights(run_stages([stage], at)[0], at))
    assert read == {"train"}
    assert all(found[0][name].equal(value) for name, value in found[1].items())


def darken(images: Images) -> Images:
    return replace(images, stored=torch.zeros_like(images.pixels))


@pytest.mark.slow
def test_a_trained_generator_is_taken_from_a_file(tmp_path: Path) -> None:
    """It needs neither model nor training, whoever asks, and attacks as it did where it was trained."""
    at = small.context(tmp_path)
    trained, attack = small.run(small.trial(dataset=small.FEW, attack=ADVGAN), at)[-2:]
    file = tmp_path / "mine.safetensors"
    file.write_bytes(at.store.read_model(trained["key"])[1])
    asked = ADVGAN | {"generator": {"name": "advgan", "width": 4, "weights": str(file)}}
    stage = find_generator(asked, dataset=small.FEW)
    assert stage.upstream == {}
    for others in ({"attack": asked, "seed": 1}, {"attack": asked | {"eps": 0.1}}):
        assert find_generator(**others, dataset=small.FEW).key == stage.key
    taken, again = small.run(small.trial(dataset=small.FEW, attack=asked), at)[-2:]
    assert taken["key"] == stage.key != trained["key"]
    assert all(value.equal(small.weights(trained, at)[name]) for name, value in small.weights(taken, at).items())
    assert again["metrics"]["robust_correct"] == attack["metrics"]["robust_correct"]
    moved = file.rename(tmp_path / "moved.safetensors")
    asked["generator"] |= {"weights": str(moved)}  # type: ignore[operator]
    assert find_generator(asked, dataset=small.FEW).key == stage.key
    wider = small.trial(
        dataset=small.FEW, attack=asked | {"generator": {"name": "advgan", "width": 8, "weights": str(moved)}}
    )
    with pytest.raises(StageError, match=r"generator.weights: .*moved.* does not fit .* advgan: .* of another shape"):
        small.run(wider, at)
    unchanged = find_generator(asked, dataset=small.FEW).settings
    safetensors.torch.save_file({"other": torch.zeros(1)}, moved)
    with pytest.raises(StageError, match="is not the file that the plan was made with"):
        run_stages([replace(stage, key="0" * 64, settings=unchanged)], at)
    assert find_generator(asked, dataset=small.FEW).key != stage.key


@pytest.mark.parametrize(
    ("weights", "settings", "said"),
    [
        ("mine", {"epochs": 3}, "nothing is trained: leave out epochs"),
        ("mine", {"seed": 0, "lr": 0.1}, "leave out seed, lr"),
        ("imagenet", {}, "no ImageNet weights of a generator"),
        ("absent", {}, "is no file that can be read"),
    ],
)
def test_weights_of_a_generator_that_cannot_be_are_refused(
    weights: str, settings: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").write_bytes(b"something")
    with pytest.raises(ValidationError, match=said):
        small.trial(attack=ADVGAN | {"generator": {"name": "advgan", "weights": weights, **settings}})


def test_an_unrestricted_success_counts_where_the_witness_sees_the_label_before_and_after(tmp_path: Path) -> None:
    at = small.context(tmp_path)
    attack = small.run(small.trial(attack=UNRESTRICTED), at)[-1]
    table = read_table(at.store.read_file(attack, EXAMPLES), EXAMPLES_SCHEMA)
    names = ("label", "clean_prediction", "adversarial_prediction", "witness_clean_prediction", "witness_prediction")
    label, before, after, known, seen = (table[name].to_numpy() for name in names)
    fooled = (before == label) & (after != label)
    kept = fooled & (known == label) & (seen == label)
    assert (fooled & ~kept).any(), "some examples that fool the model do not count, or nothing is shown"
    robust = table["robust"].to_numpy()
    assert np.array_equal(robust, (before == label) & ~kept)
    assert attack["metrics"]["eps_reached"] is None
    assert json.loads(json.dumps(attack["metrics"]))["robust_correct"] == robust.sum()
