"""What a search space says about attacks: how examples are made, and on what they are evaluated.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.base import UNRESTRICTED, check_budget
from tasks.certificates.registry import AnyMethod, is_certificate
from tasks.keys import format_canonical_json
from tasks.settings import Count, Settings, added, keyed, unkeyed
from tasks.settings_rules import refuse
from tasks.training.surrogate import SurrogateSettings
from tasks.transformations.settings import InferenceSettings

VERDICT, WITNESS_VERDICT = 2, 3
"""Which rule says that an image is robust. 1: it is seen rightly under attack; 2: without it too, since the image as it
is lies in every ball; 3: an unrestricted example counts only where its witness is right about the clean image too."""

OF_ATTACKS_ALONE = ("stop_when_fooled", "precision", "surrogate", "witness", "adaptive")
"""Settings of an evaluation that say nothing where it is a certificate."""


class AttackSettings(Settings):
    """The evaluation of a trial: an attack, the images it is run on, and what counts as success."""

    method: AnyMethod = keyed()
    examples: Count | None = keyed(None, ge=1)
    """Test images that are attacked, chosen by the seed of the trial; null: all of the test split."""
    only_correct: bool = keyed(False)
    """Evaluate only images that the model classifies correctly, as some studies do; accuracies are then over these."""
    stop_when_fooled: bool = keyed(True)
    """true: an image counts as fooled when any iterate fools the model, and leaves the batch (as AutoAttack counts);
    false: only the last iterate counts. For the attacks of the one loop; the others say themselves what they return."""
    eps_space: Literal["pixel", "normalized"] = keyed("pixel")
    """normalized: eps and step size are in units of the normalised input, so they are multiplied by `model.std`."""
    precision: Literal["fp32", "bf16"] = keyed("fp32")
    """Precision of the gradients of the one loop; all else, and every verdict, is in fp32."""
    surrogate: SurrogateSettings | None = keyed(None)
    """Another model that examples are made against: a transfer attack, which knows nothing of the trial's own model.
    null: white-box. Its examples are made to the end, as with `stop_when_fooled: false`: nobody tells the attacker
    whether the model is fooled."""
    witness: SurrogateSettings | None = added(None)
    """Of an unrestricted attack, which needs it: the chain of a classifier that the attack knows nothing of, of another
    seed or architecture than the trial's. An example counts as a success only where it sees the label in the clean
    image, and still in the example."""
    adaptive: bool = added(True)
    """Where `inference` puts transformations before the model: whether the attack follows its gradient through them,
    and takes the identity where they have none (BPDA). false: it attacks the model without them, as one that does not
    know of the defence; robust accuracy then says nothing about an attacker who does. Where transformations draw, an
    adaptive attack follows the mean of `inference.eot_samples` looks (EOT), and the attacks of the one loop walk to the
    end, as with `stop_when_fooled: false`: what fools some looks may not fool the next."""
    batch_size: Count = unkeyed(256, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _budget_is_one_that_an_image_can_need(self) -> Self:
        if self.eps_space == "pixel":  # what a unit of the other space is, the trial knows
            check_budget(self.method)
        return self

    @model_validator(mode="after")
    def _certificate_is_of_the_model_itself(self) -> Self:
        if self.surrogate and is_certificate(self.method):
            refuse("a certificate is of the model itself: leave `surrogate` out", "surrogate", "name")
        return self

    @model_validator(mode="after")
    def _generator_answers_what_the_attack_takes(self) -> Self:
        method, asked = self.method, self.method.required_generator
        if asked is None:
            return self
        if asked.output != method.generator_output:
            text = f"{method.name} takes a generator of {method.generator_output}: {asked.name} makes {asked.output}"
            refuse(text, "generator.name", "name")
        elsewhere = method.model_copy(update={"eps": (method.eps or 0.0) / 2 + 1}).required_generator
        if self.eps_space == "normalized" and elsewhere != asked:
            refuse("eps_space: normalized: write generator.eps, in pixels of [0, 1]", "eps_space", "name")
        return self

    @model_validator(mode="after")
    def _unrestricted_has_a_witness(self) -> Self:
        unrestricted = self.method.norm == UNRESTRICTED
        if unrestricted and self.method.eps != 0 and self.witness is None:
            text = "an unrestricted attack needs a `witness`: the chain of a classifier that must still see the label"
            refuse(text, "name")
        if unrestricted and self.method.eps:
            refuse("an unrestricted attack has no ball: leave `eps` out", "eps", "name")
        if self.witness is not None and not unrestricted:
            refuse("a `witness` is of unrestricted attacks: leave it out", "witness", "name")
        return self

    @property
    def looks(self) -> int:
        """How often the model is asked where an attack asks once."""
        return 1

    @property
    def surrogates(self) -> tuple[SurrogateSettings, ...]:
        """The other models that this evaluation needs, the witness last."""
        return tuple(other for other in (self.surrogate, self.witness) if other is not None)

    @property
    def may_correct(self) -> bool:
        """Whether an image that the model sees wrongly may be seen rightly under attack: the others leave it alone."""
        method = self.method
        if is_certificate(method) or method.eps == 0:
            return False
        targeted = getattr(method, "targeted", False)
        return bool(targeted or self.surrogate or self.witness or not self.stop_when_fooled)

    def _dump(self, *, keyed_only: bool, with_code: bool) -> dict[str, Any]:
        """With the rule of the verdict where the one before might have said otherwise."""
        found = super()._dump(keyed_only=keyed_only, with_code=with_code)
        rule = WITNESS_VERDICT if self.witness else VERDICT
        return found | {"verdict": rule} if keyed_only and self.may_correct else found

    def list_idle(self) -> dict[str, str]:
        of_loop = () if self.method.in_gradient_loop else ("stop_when_fooled", "precision")
        return dict.fromkeys((*self.method.idle_beside, *of_loop), f"it means nothing to {self.method.name}")

    def simplify(self) -> Self:
        """Drop what cannot matter to this attack."""
        changes: dict[str, Any] = {"method": self.method.simplify().resolve_for_evaluation()}
        if not self.method.in_gradient_loop or self.method.eps == 0:
            changes |= {"stop_when_fooled": True, "precision": "fp32"}
        if not self.method.eps or self.method.norm == "l0":
            changes["eps_space"] = "pixel"
        if self.witness:
            changes["witness"] = self.witness.simplify() if self.method.eps != 0 else None
        if self.surrogate:
            changes["surrogate"] = self.surrogate.simplify() if self.method.eps != 0 else None
            if self.method.in_gradient_loop and self.method.eps:
                changes["stop_when_fooled"] = False
        return self.model_copy(update=changes)

    def simplify_view(self, inference: InferenceSettings | None) -> Self:
        """Without what cannot matter where the model stands behind these transformations, and with what a certificate
        takes from them; null: behind none."""
        if is_certificate(self.method):
            return self.model_copy(update={"method": self.method.adopt_inference(inference), "adaptive": True})
        is_seen = inference is not None and self.method.eps != 0 and not self.surrogate
        walks_on = is_seen and self.adaptive and inference is not None and inference.is_random
        stops = self.stop_when_fooled and not (walks_on and self.method.in_gradient_loop)
        if (self.adaptive or is_seen) and stops == self.stop_when_fooled:
            return self
        return self.model_copy(update={"adaptive": self.adaptive or not is_seen, "stop_when_fooled": stops})

    @cached_property
    def shared_text(self) -> str:
        """`shared` as canonical JSON; kept, since a grid asks for it once per trial."""
        return format_canonical_json(self.shared())

    def shared(self) -> dict[str, Any]:
        """The canonical settings without what cells of one run may differ in: steps, or a budget for the verdict."""
        content = {name: value for name, value in self.canonical().items() if name not in self.method.canonical()}
        if is_certificate(self.method) or (not self.method.bounded and self.method.eps != 0):
            content.pop("eps_space")
        return content | self.method.shared()


class DefendedAttackSettings(AttackSettings):
    """The settings of an attack stage whose model stands behind transformations: they are a part of its key."""

    inference: InferenceSettings = keyed()

    @property
    def may_correct(self) -> bool:
        return not is_certificate(self.method) and self.method.eps != 0

    @property
    def looks(self) -> int:
        return self.inference.eot_samples if self.inference.is_random and self.adaptive and not self.surrogate else 1

    @classmethod
    def of(cls, attack: AttackSettings, inference: InferenceSettings) -> DefendedAttackSettings:
        """The attack of a trial and its `inference`, both in their canonical form; an attack that does not see the
        transformations takes no looks of its own, however many an adaptive one would."""
        if not attack.adaptive or attack.surrogate:
            looks = type(inference).model_fields["eot_samples"].default
            inference = inference.model_copy(update={"eot_samples": looks})
        return cls.model_construct(
            **{name: getattr(attack, name) for name in type(attack).model_fields}, inference=inference
        )
