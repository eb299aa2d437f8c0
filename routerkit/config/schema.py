"""Shape of the configuration file: every key, its type, bounds and default. Unknown keys are errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, JsonValue, PrivateAttr, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from routerkit.config.cache_section import CacheSection
from routerkit.config.learning import OnlineSection
from routerkit.config.ledger_section import LedgerSection
from routerkit.config.problems import Source
from routerkit.config.routing import ClassifierSection, PoolSection, RouteSection
from routerkit.config.secrets import is_reference, is_secret_name
from routerkit.config.section import Count, Dollars, FilePath, Names, Seconds, Section, Share, usable_path
from routerkit.config.state_section import StateSection
from routerkit.config.telemetry import TelemetrySection
from routerkit.config.verifying import VerifierSection

PROVIDER_KINDS: Final = ("openai", "litellm", "local", "replay", "simulated", "router")
"""Kinds a provider may have besides `pkg.mod:Class`."""
OPENAI_URL: Final = "https://api.openai.com/v1"


class TimeoutsSection(Section):
    """Waits of one attempt, in seconds."""

    connect_s: Seconds = 5.0
    first_token_s: Seconds = 30.0
    between_chunks_s: Seconds = 30.0


class _Keyed(Section):
    api_key: str | None = None

    @field_validator("api_key")
    @classmethod
    def _refers_to_key(cls, value: str | None) -> str | None:
        return value if value is None else _reference(value)


class OpenAISection(_Keyed):
    """Any server that speaks OpenAI's chat completions."""

    kind: Literal["openai"]
    base_url: str = OPENAI_URL
    headers: Mapping[str, str] = {}
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    @field_validator("headers")
    @classmethod
    def _refers_to_secrets(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, text in value.items():
            if is_secret_name(name):
                _reference(text)
        return value


class LiteLLMSection(_Keyed):
    """Whatever the litellm library can call."""

    kind: Literal["litellm"]
    base_url: str | None = None
    custom_llm_provider: str | None = None


class LocalSection(Section):
    """A small model that runs on this machine's CPU."""

    kind: Literal["local"]
    model: str | None = None
    """None = the `model` of its target."""
    context_tokens: Count = 2048
    n_parallel: Count = 2
    n_threads: Count = 1


class ReplaySection(Section):
    """Recorded answers."""

    kind: Literal["replay"]
    path: FilePath
    sleep: bool = False


class SimulatedSection(Section):
    """Invented answers with chosen speed and faults; all other keys are its options."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["simulated"]


class RouterSection(Section):
    """Another router, from its own configuration file; a target's `model` is one of its pools."""

    kind: Literal["router"]
    path: FilePath


class ClassSection(Section):
    """A class of your own; all other keys are its keyword arguments."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    api_key: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _refers_to_secrets(cls, value: object) -> object:
        for key, text in _secret_settings(value):
            if not isinstance(text, str) or not is_reference(text):
                raise PydanticCustomError("literal_secret", _LITERAL, {"key": key})
        return value


def _kind_of(value: object) -> str | None:
    # A table while validating, a section while dumping.
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    if not isinstance(kind, str):
        return None
    return "class" if ":" in kind else kind


ProviderSection: TypeAlias = Annotated[
    Annotated[OpenAISection, Tag("openai")]
    | Annotated[LiteLLMSection, Tag("litellm")]
    | Annotated[LocalSection, Tag("local")]
    | Annotated[ReplaySection, Tag("replay")]
    | Annotated[SimulatedSection, Tag("simulated")]
    | Annotated[RouterSection, Tag("router")]
    | Annotated[ClassSection, Tag("class")],
    Discriminator(_kind_of),
]


class PriceSection(Section):
    """Dollars per million tokens; what is left out comes from the price map."""

    input: Dollars | None = None
    output: Dollars | None = None
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None


class TargetSection(Section):
    """One callable model."""

    provider: str
    model: Annotated[str, Field(min_length=1)]
    context_tokens: Count | None = None
    max_output_tokens: Count | None = None
    can: Names | Mapping[str, bool] | None = None
    """A list says all it can; a table says only what it names and leaves the rest to the price map."""
    usd_per_mtok: PriceSection | None = None
    tags: Names = ()
    extra: Mapping[str, JsonValue] = {}
    at_once: Count | None = None
    """Most calls of one process at the same time; None = only what the target turns away limits them."""

    @field_validator("can", mode="before")
    @classmethod
    def _list_or_table(cls, value: object) -> object:
        # Two messages about a union help nobody; one about what was meant does.
        is_names = isinstance(value, list) and all(isinstance(v, str) for v in value)
        if is_names or (isinstance(value, dict) and all(isinstance(v, bool) for v in value.values())):
            return value
        raise PydanticCustomError("capabilities", 'should be a list like ["tools", "vision"] or a table like {{ tools = true }}')


class PolicySection(Section):
    """A named way of choosing. Settings that its kind does not read have no effect."""

    kind: str | None = None
    """None = the policy is named like its kind."""
    quality_floor: Share | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = None
    value_usd: Dollars | None = None
    usd_per_second: Dollars | None = None
    explore_share: Share | None = None
    explore_by: Literal["even", "thompson"] | None = None
    explore_usd_per_day: Dollars | None = None
    protected_tags: Names | None = None
    weights: Mapping[str, Annotated[float, Field(ge=0)]] | None = None
    max_usd_per_call: Annotated[float, Field(gt=0)] | None = None
    verify: Names | None = None
    max_steps: Annotated[int, Field(ge=1, le=3)] | None = None
    stop_loss_usd: Annotated[float, Field(gt=0)] | None = None


class WhenSection(Section):
    """Condition of a rule; all that is set must hold."""

    kind: str | None = None
    kinds: Names = ()
    tags: Names = ()
    agent: str | None = None
    min_input_tokens: Annotated[int, Field(ge=0)] | None = None
    max_input_tokens: Annotated[int, Field(ge=0)] | None = None
    needs: Names = ()
    language: str | None = None
    difficulty: str | None = None
    min_files: Count | None = None


class RuleSection(Section):
    """When a request looks like this, only / prefer / avoid these targets."""

    name: Annotated[str, Field(min_length=1)]
    when: WhenSection = WhenSection()
    only: Names = ()
    prefer: Names = ()
    avoid: Names = ()


class BudgetSection(Section):
    """What one agent may spend."""

    usd_per_day: Dollars


class ScorecardSection(Section):
    """Measured estimates, and what is assumed where nothing was measured."""

    path: FilePath
    prior_quality: Annotated[float, Field(gt=0, lt=1)] | None = None
    prior_n: Annotated[float, Field(gt=0)] | None = None
    reload_s: Annotated[float, Field(ge=0, le=86_400)] = 5.0
    """How often a running router looks for a newer one; 0 = never."""
    predictor: FilePath | None = None
    """File written by `routerkit scores fit`."""


class Config(Section):
    """One whole configuration, checked but not yet connected to anything."""

    providers: Mapping[str, ProviderSection] = {}
    targets: Mapping[str, TargetSection] = {}
    pools: Mapping[str, PoolSection] = {}
    policies: Mapping[str, PolicySection] = {}
    rules: Annotated[tuple[RuleSection, ...], Field(strict=False)] = ()
    routes: Annotated[tuple[RouteSection, ...], Field(strict=False)] = ()
    classifier: ClassifierSection | None = None
    verifiers: Mapping[str, VerifierSection] = {}
    budgets: Mapping[str, BudgetSection] = {}
    scorecard: ScorecardSection | None = None
    ledger: LedgerSection | None = None
    online: OnlineSection | None = None
    state: StateSection | None = None
    cache: CacheSection | None = None
    telemetry: TelemetrySection | None = None
    timeouts: TimeoutsSection = TimeoutsSection()

    _source: Source = PrivateAttr(default_factory=Source)

    @property
    def source(self) -> Source:
        """The text it was read from, for naming lines in errors."""
        return self._source

    @property
    def usd_per_day(self) -> dict[str, float]:
        """Agent → dollars it may spend per UTC day."""
        return {agent: budget.usd_per_day for agent, budget in self.budgets.items()}

    @property
    def pool_usd_per_day(self) -> dict[str, float]:
        """Pool → dollars that calls to it may cost per UTC day."""
        return {name: pool.usd_per_day for name, pool in self.pools.items() if pool.usd_per_day is not None}

    @property
    def outcomes_per_false_alarm(self) -> float:
        """What drift is told by, also where nothing is learned from reports."""
        return (self.online or OnlineSection()).outcomes_per_false_alarm

    def read_from(self, source: Source) -> Config:
        """This configuration, remembering the text it came from."""
        self._source = source
        return self


_LITERAL: Final = 'literal secrets are refused; write "env:NAME" or "file:PATH" and put the secret there'


def _reference(value: str) -> str:
    if not is_reference(value):
        raise PydanticCustomError("literal_secret", _LITERAL)
    usable_path(value.removeprefix("file:"))
    return value


def _secret_settings(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((k, v) for k, v in value.items() if isinstance(k, str) and is_secret_name(k))
