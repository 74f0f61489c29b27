"""What a certificate promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.gradient.settings import PgdSettings
from tasks.certificates.base import CertificateSettings
from tasks.certificates.job import ABSTAINED, Certificate, CertificateJob, load_certificate
from tasks.certificates.registry import CERTIFICATES
from tasks.contracts import toy
from tasks.contracts.contract import (
    Finding,
    check_settings_are_read_as_written,
    copy_weights,
    expect,
    find_changed_weights,
    read_settings,
    try_promises,
)
from tasks.data.images import Images, convert_to_float
from tasks.models.build import NormalizedModel
from tasks.training.examples import craft_examples

BUDGETS = (0.0, 0.02, 0.2)
WITHIN = 0.99
"""Of a certified radius: what an attack is given to undercut it."""


@dataclass(frozen=True)
class CertificateSubject:
    """A certificate, and what it is given."""

    settings: Sequence[CertificateSettings]
    """One for each budget."""
    model: NormalizedModel
    images: Images

    def make_job(self) -> CertificateJob:
        """All images."""
        clean, index = convert_to_float(self.images.pixels), torch.arange(len(self.images))
        return CertificateJob(self.model, self.model, clean, self.images.labels.clone(), index, 8, BUDGETS)

    def certify(self, job: CertificateJob | None = None) -> list[Certificate]:
        """What is certified at each budget."""
        return load_certificate(self.settings[0])(job or self.make_job(), self.settings)


def check_certificate(name: str, given: Mapping[str, Any]) -> list[Finding]:
    """Try a certificate on a small network and twelve images.

    :param given: settings other than its defaults.
    """
    return try_promises("certificate", name, lambda: _build_subject(name, given), CHECKS)


def _build_subject(name: str, given: Mapping[str, Any]) -> CertificateSubject:
    cls, model = CERTIFICATES.load(name), toy.build_model()
    filled = toy.fill_settings(cls, name, given)
    settings = [read_settings(cls, {**filled, "eps": eps}) for eps in BUDGETS]
    found = [each for each in settings if isinstance(each, CertificateSettings)]
    return CertificateSubject(found, model, toy.make_images(model))


def check_settings_are_as_written(subject: CertificateSubject) -> None:
    check_settings_are_read_as_written(subject.settings[-1])


def check_every_image_has_an_answer_for_every_budget(subject: CertificateSubject) -> None:
    found, count = subject.certify(), len(subject.images)
    expect(len(found) == len(BUDGETS), f"{len(found)} results for {len(BUDGETS)} budgets")
    for each in found:
        shapes = [list(part.shape) for part in (each.classes, each.radius, each.certified, each.confidence)]
        expect(shapes == [[count]] * 4, f"results of the shapes {shapes} for {count} images")
        expect(bool(((each.classes >= ABSTAINED) & (each.classes < toy.CLASSES)).all()), "classes that there are not")
        expect(bool((each.radius >= 0).all()), "radii that are negative or NaN")


def check_what_is_certified_lies_within_the_radius(subject: CertificateSubject) -> None:
    found = subject.certify()
    for budget, each in zip(BUDGETS, found, strict=True):
        expect(bool((each.radius[each.certified] >= budget).all()), "certified at a budget beyond its own radius")
        expect(not bool((each.certified & each.classes.eq(ABSTAINED)).any()), "certified where it abstains")
    for smaller, larger in pairwise(found):
        expect(bool((smaller.certified | ~larger.certified).all()), "certified at a budget and not at a smaller one")


def check_answers_do_not_depend_on_the_batch(subject: CertificateSubject) -> None:
    job, whole = subject.make_job(), subject.certify()
    for part in torch.arange(len(subject.images)).split(5):
        few = replace(job, clean=job.clean[part], labels=job.labels[part], index=job.index[part])
        for one, other in zip(subject.certify(few), whole, strict=True):
            same = torch.equal(one.certified, other.certified[part]) and torch.equal(one.classes, other.classes[part])
            expect(same, "another answer with other images beside it: draw by `job.index` and `job.seed`")


def check_no_attack_undercuts_it(subject: CertificateSubject) -> None:
    """PGD within the radius of each image changes no class; of the model itself, not of one behind noise."""
    settings, found = subject.settings[0], subject.certify()[0]
    if settings.norm not in PgdSettings.norms() or settings.judged_behind is not None:
        return
    clean, target = subject.make_job().clean, AttackedModel(subject.model, subject.model, subject.model)
    for number, radius in enumerate(found.radius.tolist()):
        if not 0 < radius < float("inf"):
            continue
        image, label = clean[number : number + 1], found.classes[number : number + 1]
        written = {"norm": settings.norm, "eps": WITHIN * radius, "steps": toy.MOST_STEPS}
        method = PgdSettings.model_validate(written).resolve_for_training()
        seen = subject.model(craft_examples(target, image, label, method, 3)).argmax(1)
        expect(torch.equal(seen, label), f"PGD changes the class of image {number} within its radius of {radius:.4g}")


def check_images_and_weights_are_left_as_they_are(subject: CertificateSubject) -> None:
    weights = copy_weights(subject.model)
    job, known = subject.make_job(), subject.make_job()
    subject.certify(job)
    expect(torch.equal(job.clean, known.clean) and torch.equal(job.labels, known.labels), "it changes what it is given")
    expect(not find_changed_weights(subject.model, weights), "it changes weights of the model")


CHECKS = (
    check_settings_are_as_written,
    check_every_image_has_an_answer_for_every_budget,
    check_what_is_certified_lies_within_the_radius,
    check_answers_do_not_depend_on_the_batch,
    check_no_attack_undercuts_it,
    check_images_and_weights_are_left_as_they_are,
)
