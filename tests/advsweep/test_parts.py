"""The decorators by which a user's own parts enter, as the documentation shows them."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, create_model

import advsweep
from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import ATTACKS
from tasks.certificates.base import CertificateSettings
from tasks.certificates.registry import CERTIFICATES
from tasks.data.function import FunctionSource
from tasks.data.registry import SOURCES
from tasks.generators.base import GeneratorSettings
from tasks.generators.registry import GENERATORS
from tasks.models.registry import ARCHITECTURES
from tasks.pruning.registry import IMPORTANCES
from tasks.registry import Registry
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.registry import OBJECTIVES
from tasks.transformations.base import TransformationSettings
from tasks.transformations.registry import TRANSFORMATIONS
from tests.support.checkout import ROOT
from tests.support.harness import advsweep as run_command


class Shade(advsweep.Settings):
    name: Literal["shade_of_tests"] = advsweep.keyed("shade_of_tests")
    eps: advsweep.Number = advsweep.keyed(ge=0)


class SteppedShade(Shade):
    steps: advsweep.Count = advsweep.keyed(3)


class SingleShade(MethodSettings):
    iterative = False
    name: Literal["shade_of_tests"] = advsweep.keyed("shade_of_tests")


@pytest.mark.parametrize(("settings", "expected"), [(Shade, None), (SteppedShade, True), (SingleShade, False)])
def test_no_check_takes_an_attack_for_what_it_has_not_said(
    settings: type[advsweep.Settings], expected: bool | None
) -> None:
    advsweep.attack("shade_of_tests", settings=settings)(lambda job, _: job.clean)
    try:
        found = ATTACKS.load("shade_of_tests")
        assert found.iterative is expected
        assert found.is_iterative_white_box() is (expected is True)
        assert found.is_single_step() is (expected is False)
    finally:
        ATTACKS.remove("shade_of_tests")


NAME = (Literal["odd_one"], advsweep.keyed("odd_one"))


def make_settings(base: type[BaseModel] = advsweep.Settings, **fields: Any) -> Any:
    """A class of settings that is made when a test asks, so that no other test comes upon it."""
    return create_model("Odd", __base__=base, **fields)


def make_nested() -> Any:
    """Settings whose mistake stands in other settings."""
    inner = make_settings(layers=(list[int], advsweep.keyed((1,))))
    return make_settings(name=NAME, inner=(inner | None, advsweep.keyed(None)))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: make_settings(name=(Literal["odd_one"], "odd_one")), r"Odd.name: declare it with keyed\(...\)"),
        (lambda: make_settings(name=NAME, layers=(list[int], advsweep.keyed((1,)))), r"Odd.layers: no list can be in"),
        (make_nested, r"Odd.inner: Odd.layers: no list can be in a key: make it tuple"),
        (lambda: make_settings(BaseModel, name=NAME), r"give a class of advsweep.MethodSettings or advsweep.Settings"),
        (lambda: dict, r"give a class of advsweep.MethodSettings or advsweep.Settings"),
        (lambda: SingleShade, r"SingleShade: declare `name: Literal\['odd_one'\]"),
    ],
)
def test_settings_that_could_be_in_no_key_are_refused(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(advsweep.UsageError, match=said):
        advsweep.attack("odd_one", settings=make())(lambda job, _: job.clean)
    assert "odd_one" not in ATTACKS


@pytest.mark.parametrize("name", ["", "two words", "../up", "timm:net", 3, None, len])
def test_a_name_that_no_space_can_say_is_refused(name: Any) -> None:
    with pytest.raises(advsweep.UsageError, match=r"is no name of a model|write the name of the model above"):
        advsweep.model(name)


def test_functions_of_one_name_and_functions_inside_functions_are_told_apart() -> None:
    names = ["first_of_two", "second_of_two"]
    for name in names:

        @advsweep.importance(name)
        def score(weight: object, generator: object, name: str = name) -> str:  # noqa: ARG001
            return name

        advsweep.model(name)(lambda channels, classes, stem, name=name: name)  # noqa: ARG005
    try:
        assert [IMPORTANCES.load(name)(None, None) for name in names] == names
        assert [ARCHITECTURES.load(name).load_builder()(1, 2, "cifar") for name in names] == names  # type: ignore[comparison-overlap]
    finally:
        for name in names:
            IMPORTANCES.remove(name)
            ARCHITECTURES.remove(name)


@pytest.mark.slow
def test_the_parts_that_the_documentation_shows_keep_what_they_promise(tmp_path: Path) -> None:
    texts = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "plugins.md").read_text(), re.DOTALL)
    (tmp_path / "shown.py").write_text("\n".join(texts))
    told = run_command("check-plugin", tmp_path / "shown.py", "--set", "darken.eps=0.1").stdout
    assert told.splitlines()[-1] == "8 parts: 58 promises are kept"


def test_a_part_that_no_worker_could_load_is_refused() -> None:
    def score(weight: Any, draw: Any) -> Any:  # noqa: ARG001
        return weight

    score.__module__ = "__main__"
    with pytest.raises(
        advsweep.UsageError, match=r"^importance 'mine' is defined in a script or a notebook, whose code c"
    ):
        advsweep.importance("mine")(score)
    assert "mine" not in IMPORTANCES


def test_attacks_and_certificates_share_their_names() -> None:
    """Both stand in the section `attack` of a space."""
    with pytest.raises(advsweep.UsageError, match=r"^there is a certificate named 'interval_bounds', and it stands in"):
        advsweep.attack("interval_bounds", settings=Shade)
    with pytest.raises(
        advsweep.UsageError, match=r"^there is a attack named 'pgd', and it stands in the same place: ch"
    ):
        advsweep.certificate("pgd", settings=Shade)


def test_settings_that_were_completed_are_found_again_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], Shade.__name__, Shade)  # put back what the decorator replaces
    advsweep.attack("shade_of_tests", settings=Shade)(lambda job, _: job.clean)
    try:
        settings = ATTACKS.load("shade_of_tests").model_validate({"eps": 0.1})
        assert pickle.loads(pickle.dumps(settings)) == settings
        assert isinstance(settings, MethodSettings)
    finally:
        ATTACKS.remove("shade_of_tests")


def work(*given: Any) -> Any:
    """What a part would do."""
    return given


@pytest.mark.parametrize(
    ("decorator", "registry", "base", "attribute"),
    [
        (advsweep.attack, ATTACKS, MethodSettings, "craft"),
        (advsweep.certificate, CERTIFICATES, CertificateSettings, "certify"),
        (advsweep.objective, OBJECTIVES, ObjectiveSettings, "build"),
        (advsweep.transformation, TRANSFORMATIONS, TransformationSettings, "transform"),
        (advsweep.generator, GENERATORS, GeneratorSettings, "build"),
    ],
)
def test_settings_of_a_part_have_its_function_and_what_its_kind_has_in_common(
    decorator: Any, registry: Registry[Any], base: type, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], Shade.__name__, Shade)
    own = Shade
    assert decorator("shade_of_tests", settings=own)(work) is work
    try:
        found = registry.load("shade_of_tests")
        assert issubclass(found, own)
        assert issubclass(found, base)
        assert getattr(found, attribute) is work
        assert registry.find_origin("shade_of_tests") == __name__
    finally:
        registry.remove("shade_of_tests")


class Source:
    """A data set that is a class."""


def test_parts_without_settings_are_what_they_were() -> None:
    made: list[tuple[Any, Registry[Any]]] = [
        (advsweep.model("of_tests", has_one_stem=False), ARCHITECTURES), (advsweep.importance("of_tests"), IMPORTANCES),
        (advsweep.dataset("of_tests"), SOURCES),
    ]  # fmt: skip
    found = []
    for decorator, registry in made:
        assert decorator(work) is work
        found.append(registry.load("of_tests"))
        assert registry.find_origin("of_tests") == __name__
        registry.remove("of_tests")
    architecture, score, source = found
    assert (architecture.builder, architecture.has_one_stem, score) == (work, False, work)
    assert isinstance(source, FunctionSource)
    assert (source.name, source.function) == ("of_tests", work)
    advsweep.dataset("of_tests")(Source)
    assert isinstance(SOURCES.load("of_tests"), Source)
    SOURCES.remove("of_tests")
