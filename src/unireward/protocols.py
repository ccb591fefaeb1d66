"""The Protocols that the rooms of the house speak to each other through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from unireward.ask import Ask, Reply
    from unireward.judgment import Judgment
    from unireward.prompt import Prompt
    from unireward.record import Record
    from unireward.sampled import Sampled


@runtime_checkable
class Engine(Protocol):
    """Where a model runs.

    ``stream`` is the one thing an engine must do: it pulls asks lazily, answers them in the
    order that suits it, and yields ``(index, reply)`` as each is done. An ask with ``choices``
    is answered with log-probabilities where the engine can (``"choose" in capabilities``). One
    failed ask is a Reply with ``error``; only an engine that is wholly unusable raises
    (``EngineUnavailableError``), and it does so before the first reply.
    """

    @property
    def name(self) -> str:
        """What judgments call the model (``tiny@1``, a repository id, a served model's name)."""
        ...

    @property
    def kind(self) -> str:
        """``transformers``, ``openai`` or ``scripted``: families choose their media layout by
        it."""
        ...

    @property
    def identity(self) -> str:
        """Digest or address that tells this model from every other, for the cache's keys."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """Of ``generate``, ``choose``, ``image``, ``video`` (native video parts)."""
        ...

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]: ...
    def generate(self, asks: Sequence[Ask]) -> list[Reply]: ...
    def choose(self, asks: Sequence[Ask]) -> list[Reply]: ...
    def close(self) -> None: ...


@runtime_checkable
class Reward(Protocol):
    """Anything that turns a batch of records into judgments, one for each, in order."""

    @property
    def capabilities(self) -> frozenset[str]: ...
    def __call__(self, records: Sequence[Record]) -> list[Judgment]: ...


@runtime_checkable
class DifferentiableReward(Reward, Protocol):
    """A reward whose score has a gradient with respect to the candidate's pixels."""

    def scores(self, prompts: Sequence[str], pixels: Any) -> Any:
        """``pixels`` float [B, 3, H, W] in [0, 1] -> scores [B], differentiable."""
        ...


@runtime_checkable
class Policy(Protocol):
    """A model being aligned, or anything else that makes candidates.

    ``sample`` gives each prompt's n candidates, in order. A candidate depends on the policy, its
    prompt, ``seed`` and its own index alone, never on what else is in the call. What cannot be
    made (a reply cut short, a picture that is not finite) is left out with its reason
    (:class:`unireward.sampled.Sampled`); only a policy that is wholly unusable raises.
    """

    @property
    def name(self) -> str:
        """What provenance calls it."""
        ...

    @property
    def identity(self) -> str:
        """Digest or address that tells its weights from every other's, for resumed jobs."""
        ...

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]: ...


Objective = Callable[[Any, Any], tuple[Any, Any, dict[str, float]]]
"""``(model, batch) -> (loss sum, weight, metrics)``."""

Advantage = Callable[[Sequence[Any], Sequence[Any], Any], Any]
"""``(judgments, rollouts, state) -> credit per sample, token or step``."""
