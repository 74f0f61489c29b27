"""A Ray that is a script: actors are noted, and a test decides when each call ends and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ScriptedRay:
    """Stands for the module `ray` where actors are made, waited for and killed."""

    def __init__(self) -> None:
        self.actors: list[ScriptedActor] = []
        self.killed: list[ScriptedActor] = []
        self._answers: dict[Call, Any] = {}
        self._expected: dict[str, Any] = {}

    def remote(self, **actor_options: Any) -> Any:
        def decorate(_: type) -> ScriptedClass:
            return ScriptedClass(self, actor_options)

        return decorate

    def answer(self, call: Call, value: Any) -> None:
        """End a call, with a value or with an exception."""
        self._answers[call] = value

    def expect(self, method: str, value: Any) -> None:
        """End the calls of a method that are still to come, with a value or with an exception."""
        self._expected[method] = value

    def wait(self, calls: Sequence[Call], num_returns: int, timeout: float) -> tuple[list[Call], list[Call]]:  # noqa: ARG002
        known = [call for call in calls if call in self._answers or call.method in self._expected]
        ended = known[:num_returns]
        return ended, [call for call in calls if call not in ended]

    def get(self, call: Call) -> Any:
        value = self._answers[call] if call in self._answers else self._expected[call.method]
        if isinstance(value, BaseException):
            raise value
        return value

    def kill(self, actor: ScriptedActor, no_restart: bool) -> None:
        assert no_restart
        self.killed.append(actor)

    @property
    def alive(self) -> list[ScriptedActor]:
        """Actors that nobody has killed."""
        return [actor for actor in self.actors if actor not in self.killed]


class ScriptedClass:
    """What `ray.remote` makes of a class."""

    def __init__(self, ray: ScriptedRay, options: dict[str, Any]) -> None:
        self._ray, self._options = ray, options

    def options(self, **more: Any) -> ScriptedClass:
        return ScriptedClass(self._ray, self._options | more)

    def remote(self, *arguments: Any) -> ScriptedActor:
        actor = ScriptedActor(self._options, arguments)
        self._ray.actors.append(actor)
        return actor


class Call:
    """A call of an actor's method; its own reference."""

    def __init__(self, method: str, arguments: tuple[Any, ...]) -> None:
        self.method, self.arguments = method, arguments


class ScriptedActor:
    """Any method may be called; every call is kept."""

    def __init__(self, options: dict[str, Any], arguments: tuple[Any, ...]) -> None:
        self.options, self.arguments = options, arguments
        self.calls: list[Call] = []

    def __getattr__(self, method: str) -> ScriptedMethod:
        return ScriptedMethod(self, method)

    def last(self, method: str) -> Call:
        """The latest call of a method."""
        return next(call for call in reversed(self.calls) if call.method == method)


class ScriptedMethod:
    """A method of an actor."""

    def __init__(self, actor: ScriptedActor, name: str) -> None:
        self._actor, self._name = actor, name

    def remote(self, *arguments: Any) -> Call:
        call = Call(self._name, arguments)
        self._actor.calls.append(call)
        return call
