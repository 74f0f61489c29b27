"""Decorators by which a user's own parts enter the registries: models, data sets, attacks, certificates, objectives,
importances, transformations, generators.

They belong into a module of their own, which is loaded as a plugin: `--plugin FILE.py`, `$ADVSWEEP_PLUGINS`,
`advsweep.load_plugins`, or an entry point of the group `advsweep.plugins`. The code of the module, and of what it
imports from beside itself, is part of the key of every stage that uses one of its parts.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import ATTACKS
from tasks.certificates.base import CertificateSettings
from tasks.certificates.registry import CERTIFICATES
from tasks.data.function import FunctionSource
from tasks.data.registry import SOURCES
from tasks.errors import UsageError
from tasks.generators.base import GeneratorSettings
from tasks.generators.registry import GENERATORS
from tasks.models.registry import ARCHITECTURES, Architecture
from tasks.pruning.registry import IMPORTANCES
from tasks.registry import Registry
from tasks.settings import Settings
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.registry import OBJECTIVES
from tasks.transformations.base import TransformationSettings
from tasks.transformations.registry import TRANSFORMATIONS

NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*")
"""Of a part. `:` stands in the names of parts of other libraries, such as `timm:NAME`."""
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def model(name: str, *, has_one_stem: bool = True) -> Callable[[Decorated], Decorated]:
    """Register an architecture: a function `(channels, classes, stem) -> nn.Module`.

    The module takes pixels of [0, 1], float [N, channels, H, W], normalised by `model.mean` and `model.std` where the
    space gives them, and returns logits [N, classes]. Its weights are drawn from torch's global generator.

    :param has_one_stem: whether it is the same network whatever `model.stem` says; false where it builds a stem for
        small images (`cifar`) and one for large ones (`imagenet`).
    """
    _check_name("model", name)

    def register(builder: Decorated) -> Decorated:
        _add(ARCHITECTURES, name, Architecture(builder, has_one_stem=has_one_stem), builder)
        return builder

    return register


def dataset(name: str) -> Callable[[Decorated], Decorated]:
    """Register a data set: a function, or a class with the methods of `tasks.data.source.Source`.

    The function `(settings, folder) -> (train, test)` or `(train, test, classes)` gives each part as pixels and labels:
    uint8 [N, C, H, W] and integers [N], arrays or tensors. `folder` is the data folder, or null. Images are resized as
    `dataset.image_size` and `dataset.channels` ask. For a plan it is run once in a process, and the content is hashed.
    """
    _check_name("dataset", name)

    def register(source: Decorated) -> Decorated:
        _add(SOURCES, name, source() if inspect.isclass(source) else FunctionSource(name, source), source)
        return source

    return register


def attack(name: str, *, settings: type[Settings]) -> Callable[[Decorated], Decorated]:
    """Register an attack: a function `(job, settings) -> images`, or `{steps: images}`.

    `job` is a `tasks.attacks.engine.job.AttackJob`: the model, images float [N, C, H, W] in [0, 1], labels int64 [N]
    and the step counts to report. The result, or each entry of it, has the shape of the images. The evaluator judges:
    it checks the budget and the range of pixels, and asks the model itself.

    :param settings: a subclass of `advsweep.MethodSettings`, whose class variables say what others must know of the
        attack, or of `advsweep.Settings`.
    :raises UsageError: the settings have another name than the attack.
    """
    _check_name("attack", name)
    _check_free(CERTIFICATES, name)

    def register(craft: Decorated) -> Decorated:
        complete = _complete(name, settings, MethodSettings)
        complete.craft = staticmethod(craft)
        said = any("iterative" in vars(base) for base in complete.__mro__ if base is not MethodSettings)
        if not said and "steps" not in complete.model_fields:
            complete.iterative = None
        _add(ATTACKS, name, complete, craft)
        return craft

    return register


def certificate(name: str, *, settings: type[Settings]) -> Callable[[Decorated], Decorated]:
    """Register a certificate, which stands where an attack stands: a function `(job, settings) -> certificates`.

    `job` is a `tasks.certificates.job.CertificateJob`: the model, the network as it was built, images float
    [N, C, H, W] in [0, 1], labels int64 [N] and the budgets. `settings` has an entry for each budget, and so has the
    result: a `tasks.certificates.job.Certificate` each.

    :param settings: a subclass of `advsweep.CertificateSettings`, or of `advsweep.Settings`.
    :raises UsageError: the settings have another name than the certificate, or there is an attack of that name.
    """
    _check_name("certificate", name)
    _check_free(ATTACKS, name)

    def register(certify: Decorated) -> Decorated:
        complete = _complete(name, settings, CertificateSettings)
        complete.certify = staticmethod(certify)
        _add(CERTIFICATES, name, complete, certify)
        return certify

    return register


def objective(name: str, *, settings: type[Settings]) -> Callable[[Decorated], Decorated]:
    """Register an objective, which a training section names by `objective: {name: ...}`.

    The function takes the settings, and where it has a second parameter the `ObjectiveContext` of the stage. It returns
    `(model, batch, generator) -> loss and accuracy`: two scalar tensors, or a `StepOutcome`. `batch.pixels` are float
    [N, C, H, W] in [0, 1], `batch.labels` int64 [N].

    :param settings: a subclass of `advsweep.ObjectiveSettings` or of `advsweep.Settings`.
    :raises UsageError: the settings have another name than the objective.
    """
    _check_name("objective", name)

    def register(build: Decorated) -> Decorated:
        complete = _complete(name, settings, ObjectiveSettings)
        complete.build = staticmethod(build)
        _add(OBJECTIVES, name, complete, build)
        return build

    return register


def importance(name: str) -> Callable[[Decorated], Decorated]:
    """Register an importance of filters and weights: a function `(weight, generator) -> scores`.

    `weight` is that of a convolution, float [filters, channels, height, width]; scores are float [filters], and the
    filters with the smallest are pruned first. With `unit: weights` a weight is a filter of one, float [weights, 1].
    Where the function has a third parameter, it is given the `Layer`: gradient, batch norm, and learned scores.
    """
    _check_name("importance", name)

    def register(score: Decorated) -> Decorated:
        _add(IMPORTANCES, name, score, score)
        return score

    return register


def transformation(name: str, *, settings: type[Settings]) -> Callable[[Decorated], Decorated]:
    """Register a transformation, which a space names in `inference.transformations`.

    The function `(pixels, settings, draws) -> pixels` takes and returns float [N, C, H, W] in [0, 1]; `draws` are a
    `tasks.transformations.draws.Draws`: random numbers of each image, and the training images.

    :param settings: a subclass of `advsweep.TransformationSettings`, whose class variables say whether a gradient
        passes and whether it draws, or of `advsweep.Settings`: then attacks take it for the identity on the way back.
    :raises UsageError: the settings have another name than the transformation.
    """
    _check_name("transformation", name)

    def register(transform: Decorated) -> Decorated:
        complete = _complete(name, settings, TransformationSettings)
        complete.transform = staticmethod(transform)
        _add(TRANSFORMATIONS, name, complete, transform)
        return transform

    return register


def generator(name: str, *, settings: type[Settings]) -> Callable[[Decorated], Decorated]:
    """Register a generator, which an attack names by `generator: {name: ...}`: a subclass of `advsweep.Generator`.

    It is made as `(settings, image_shape, classes)`, and has a method `fit(job)` that trains it; `job` is a
    `tasks.generators.job.GeneratorJob`: training images, the model under attack, random numbers. What it answers, and
    whether it needs the model, its settings say.

    :param settings: a subclass of `advsweep.GeneratorSettings`, or of `advsweep.Settings` with a field `epochs`.
    :raises UsageError: the settings have another name than the generator.
    """
    _check_name("generator", name)

    def register(build: Decorated) -> Decorated:
        complete = _complete(name, settings, GeneratorSettings)
        complete.build = build if inspect.isclass(build) else staticmethod(build)
        complete.origin = build.__module__
        _add(GENERATORS, name, complete, build)
        return build

    return register


def _add(registry: Registry[Any], name: str, part: Any, written: Any) -> None:
    if written.__module__ == "__main__":
        raise UsageError(
            f"{registry.kind} {name!r} is defined in a script or a notebook, whose code cannot travel to workers: "
            "put it into a file of its own and load that with advsweep.load_plugins([FILE])"
        )
    registry.add(name, part, origin=written.__module__)


def _check_free(others: Registry[Any], name: str) -> None:
    """:raises UsageError: what may stand in the same place has this name."""
    if name in others:
        raise UsageError(
            f"there is a {others.kind} named {name!r}, and it stands in the same place: choose another name"
        )


def _check_name(kind: str, name: object) -> None:
    """A name stands in spaces, in file names and in SQL; one that is a function was meant for `@advsweep.KIND(NAME)`.

    :raises UsageError: it is no such name.
    """
    if callable(name):
        raise UsageError(
            f"write the name of the {kind} above {getattr(name, '__name__', name)}, as in @advsweep.{kind}(NAME)"
        )
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a {kind}: letters, digits, `_`, `-` and `.`")


def _complete(name: str, settings: Any, base: type[Any]) -> Any:
    """The settings as a subclass of what its kind has in common; its module then has that in their place."""
    if not (inspect.isclass(settings) and issubclass(settings, Settings)):
        raise UsageError(f"settings={settings!r}: give a class of advsweep.{base.__name__} or advsweep.Settings")
    field = settings.model_fields.get("name")
    if field is None or get_args(field.annotation) != (name,):
        raise UsageError(f"{settings.__name__}: declare `name: Literal[{name!r}] = advsweep.keyed({name!r})`")
    problem = settings.find_declaration_problem()
    if "<locals>" in settings.__qualname__:
        problem = f"{settings.__name__}: define it at the top of the module, where a worker finds it"
    if problem:
        raise UsageError(problem)
    if issubclass(settings, base):
        return settings
    content = {"__module__": settings.__module__, "__qualname__": settings.__qualname__, "__doc__": settings.__doc__}
    complete = type(settings.__name__, (settings, base), content)
    setattr(sys.modules[settings.__module__], settings.__name__, complete)  # so that it is found again when unpickled
    return complete
