"""The reference of settings: complete, true, and what stands in docs/settings.md."""

from __future__ import annotations

import pytest

from orchestrator.space.settings_reference import find_registries, format_reference, list_classes, list_settings
from orchestrator.space.space import SECTIONS
from tasks.attacks.gradient.settings import PgdSettings
from tasks.pruning.settings import PruneSettings
from tasks.settings import FLATTENED, Settings
from tests.support.checkout import ROOT


def test_the_page_is_what_the_command_prints() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == format_reference(), "advsweep show > docs/settings.md"


def test_every_section_and_every_part_has_its_class() -> None:
    classes = list_classes()
    assert list(classes)[: len(SECTIONS)] == list(SECTIONS)
    for registry in find_registries().values():
        for name in registry:
            part = registry.load(name)
            if isinstance(part, type) and issubclass(part, Settings):
                assert part in classes.values(), name


@pytest.mark.parametrize("cls", list_classes().values(), ids=lambda cls: cls.__name__)
def test_every_field_is_there_with_its_default(cls: type[Settings]) -> None:
    settings = {setting.name: setting for setting in list_settings(cls)}
    for name, field in cls.model_fields.items():
        setting = settings["(written here)" if name == FLATTENED else field.alias or name]
        assert (setting.default == "required") == field.is_required()
        if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
            assert float(setting.default) == field.default
        if isinstance(field.default, Settings):
            assert getattr(field.default, "name", "") in setting.default


def test_a_setting_says_what_may_stand_there() -> None:
    ratio, scope, importance, mode, _, within = list_settings(PruneSettings)
    assert (ratio.name, ratio.kind, ratio.default) == ("ratio", "number or fraction, at least 0, below 1", "required")
    assert "rounded to whole filters" in ratio.meaning
    assert (scope.default, importance.kind) == ("all", "name of an importance")
    assert mode.kind == "`mask`, `once`, `remove`"
    assert (within.kind, within.default) == ("text", "layer")
    steps = next(setting for setting in list_settings(PgdSettings) if setting.name == "steps")
    assert (steps.kind, steps.default) == ("whole number, at least 1, at most 10000", "10")
