"""What every part says of itself: class variables, what follows from its settings, and what of them cannot matter.

The verdicts, the plan and the documentation rest on it, and no number that a part computes shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, get_origin, get_type_hints

from tasks.attacks.base import MethodSettings
from tasks.certificates.base import CertificateSettings
from tasks.contracts import toy
from tasks.data.registry import SOURCES
from tasks.generators.base import GeneratorSettings
from tasks.models.registry import ARCHITECTURES
from tasks.pruning.registry import IMPORTANCES, find_demand
from tasks.registry import Registry
from tasks.settings import Settings
from tasks.training.averages import AVERAGES
from tasks.training.objectives.base import ObjectiveSettings
from tasks.transformations.base import TransformationSettings
from tests.support.kept import expect_kept
from tests.support.objectives import NAMED_OBJECTIVES
from tests.support.registries import REGISTRIES
from tests.support.variants import list_variants

KINDS: Mapping[str, Registry[Any]] = {
    **{kind: REGISTRIES[kind] for kind in ("attack", "certificate", "objective", "generator", "transformation")},
    "weight average": AVERAGES,
}
BASES: Mapping[str, type[Settings]] = {
    "attack": MethodSettings,
    "certificate": CertificateSettings,
    "objective": ObjectiveSettings,
    "generator": GeneratorSettings,
    "transformation": TransformationSettings,
    "weight average": Settings,
}
GIVEN: Mapping[str, Mapping[str, Any]] = {
    "randomized_smoothing": {"sigma": 0.25},
    **{name: {"generator": {"name": "denoiser", "width": 4}} for name in ("diff_pgd", "diff_pgd_unrestricted")},
}
"""Settings without which a part says nothing of itself."""
FORMS = ("simplify", "resolve_for_evaluation", "resolve_for_training", "shared")
"""Methods that give the settings in another form."""
LEFT_OUT = ("fields_hash", "canonical_text", "model_extra", "model_fields_set")


def list_variables(cls: type[Settings]) -> Iterator[tuple[str, Any]]:
    """Name and value of each class variable, those of its bases too."""
    hints = get_type_hints(cls)
    for name in sorted(name for name, hint in hints.items() if get_origin(hint) is ClassVar or hint is ClassVar):
        value = getattr(cls, name, None)
        if name not in ("model_config", "most_bytes") and not name.startswith(("_", "model_")):
            yield name, dict(value) if isinstance(value, Mapping) else value


def describe(settings: Settings) -> dict[str, str]:
    """What follows from settings: every property, and what their other forms change."""
    found: dict[str, str] = {}
    own = {name: kind for base in reversed(type(settings).__mro__) for name, kind in vars(base).items()}
    for name, kind in sorted(own.items()):
        if isinstance(kind, (property, cached_property)) and not name.startswith("_") and name not in LEFT_OUT:
            found[name] = show(getattr(settings, name))
    before = settings.document()
    for form in FORMS:
        if hasattr(settings, form):
            after = getattr(settings, form)()
            content = after.document() if isinstance(after, Settings) else after
            gone = [f"-{name}" for name in before if name not in content]
            other = [f"{name}={show(value)}" for name, value in content.items() if before.get(name) != value]
            found[form] = " ".join([*gone, *other])
    return found


def show(value: Any) -> str:
    """In a few letters."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Settings):
        return f"<{getattr(value, 'name', type(value).__name__)}>"
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))})"
    return f"<{value['name']}>" if isinstance(value, dict) and "name" in value else str(value)


def describe_cases(title: str, cls: type[Settings], section: Mapping[str, Any]) -> Iterator[str]:
    """What follows from the section, and what changes with each of its settings."""
    base: dict[str, str] = {}
    nothing = (
        [("eps 0", {**section, "eps": 0})] if "eps" in cls.model_fields and issubclass(cls, MethodSettings) else []
    )
    for label, changed in (*list_variants(cls, section), *nothing):
        found = describe(cls.model_validate(changed))
        told = {name: value for name, value in found.items() if value != base.get(name) and (base or value)}
        base = base or found
        if told:
            yield f"{title}, {label}: " + "; ".join(f"{name} {value}" for name, value in told.items())


def list_facts() -> Iterator[str]:
    for kind, registry in KINDS.items():
        yield f"every {kind}: " + "; ".join(f"{part} {value}" for part, value in list_variables(BASES[kind]))
        for name in registry:
            cls = registry.load(name)
            common = dict(list_variables(BASES[kind]))
            own = {part: value for part, value in list_variables(cls) if part not in common or common[part] != value}
            yield f"{kind} {name}: " + "; ".join(f"{part} {value}" for part, value in own.items())
            if kind == "objective":
                continue
            section = toy.fill_settings(cls, name, GIVEN.get(name, {}))
            yield from describe_cases(f"{kind} {name}", cls, section)
    for label, section in NAMED_OBJECTIVES.items():
        yield from describe_cases(f"objective {label}", KINDS["objective"].load(section["name"]), section)


def list_registered() -> Iterator[str]:
    """What registries say of parts that are no settings."""
    for name in ARCHITECTURES:
        found = ARCHITECTURES.load(name)
        yield f"model {name}: " + "; ".join(f"{part} {value}" for part, value in vars(found).items())
    for name in SOURCES:
        yield f"data set {name}: published {getattr(SOURCES.load(name), 'published', None)}"
    for name in IMPORTANCES:
        yield f"importance {name}: {find_demand(name)}"


def test_what_parts_say_of_themselves_is_as_it_was() -> None:
    expect_kept("part_facts.txt", "\n".join(line.rstrip() for line in (*list_facts(), *list_registered())))
