"""From a provider's section to the provider itself, with its secrets fetched. Each kind is imported only when a configuration uses it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from routerkit.config.foreign import foreign_class
from routerkit.config.schema import (
    ClassSection,
    LiteLLMSection,
    LocalSection,
    OpenAISection,
    ProviderSection,
    ReplaySection,
    SimulatedSection,
    TimeoutsSection,
)
from routerkit.config.secrets import Secret, is_reference, is_secret_name, scrub
from routerkit.config.section import located
from routerkit.errors import ConfigError
from routerkit.messages import Json
from routerkit.provider import Provider

_METHODS: Final = ("complete", "acomplete", "stream", "astream")
_log = logging.getLogger(__name__)


def build_provider(
    section: ProviderSection, base: Path, *, models: tuple[str, ...], timeouts: TimeoutsSection, secrets: Mapping[str, Secret]
) -> Provider:
    """The provider a section describes.

    Args:
        section: What the configuration says.
        base: Folder that relative paths start from.
        models: Models of the targets that use it.
        timeouts: Timers of one attempt.
        secrets: What its `references` resolve to.

    Raises:
        ConfigError: a package, class or file is missing, or the provider refuses its settings; never with a secret in it.
    """
    hidden = tuple(secrets.values())
    try:
        return _make(section, base, models=models, timeouts=timeouts, secrets=secrets)
    except ConfigError as exc:
        raise ConfigError(scrub(str(exc), hidden)) from None
    except ImportError as exc:
        raise ConfigError(
            f"kind {section.kind!r} cannot be imported ({scrub(str(exc), hidden)}); install what it needs, or correct the kind"
        ) from exc
    except (TypeError, ValueError, AttributeError, OSError) as exc:
        # `from None`: a foreign constructor may quote its arguments, and those include keys.
        raise ConfigError(
            f"kind {section.kind!r} refuses these settings ({type(exc).__name__}: {scrub(str(exc), hidden)}); correct them"
        ) from None


def references(section: ProviderSection) -> dict[str, str]:
    """Settings and headers of a provider that refer to a secret, with the reference."""
    given = {**section.model_dump(exclude={"kind"}), **getattr(section, "headers", {})}
    return {key: text for key, text in given.items() if isinstance(text, str) and is_secret_name(key) and is_reference(text)}


def _make(
    section: ProviderSection, base: Path, *, models: tuple[str, ...], timeouts: TimeoutsSection, secrets: Mapping[str, Secret]
) -> Provider:
    match section:
        case OpenAISection():
            return _openai(section, timeouts, secrets)
        case LiteLLMSection():
            return _litellm(section, timeouts, secrets)
        case LocalSection():
            return _local(section, models)
        case ReplaySection():
            from routerkit.providers.replay import Replay

            return Replay(located(base, section.path), sleep=section.sleep)
        case SimulatedSection():
            return _construct("routerkit.providers.simulated:Simulated", section.model_extra or {}, secrets)
        case ClassSection():
            return _construct(section.kind, {**(section.model_extra or {}), **_key(section)}, secrets)
        case _:
            raise ConfigError(f"a provider of kind {section.kind!r} cannot be built here")


def _openai(section: OpenAISection, timeouts: TimeoutsSection, secrets: Mapping[str, Secret]) -> Provider:
    from routerkit.providers.openai_compatible import OpenAICompatible
    from routerkit.providers.timers import Timers

    if secrets and _is_sent_in_clear(section.base_url):
        _log.warning("%s: its key is sent unencrypted to another machine; prefer https", section.base_url)
    return OpenAICompatible(
        section.base_url,
        _revealed(secrets, "api_key"),
        timers=Timers(**timeouts.model_dump()),
        headers={name: _revealed(secrets, name) or text for name, text in section.headers.items()},
        max_tokens_field=section.max_tokens_field,
    )


def _litellm(section: LiteLLMSection, timeouts: TimeoutsSection, secrets: Mapping[str, Secret]) -> Provider:
    from routerkit.providers.litellm import LiteLLM
    from routerkit.providers.timers import Timers

    return LiteLLM(
        api_key=_revealed(secrets, "api_key"),
        base_url=section.base_url,
        custom_llm_provider=section.custom_llm_provider,
        timers=Timers(**timeouts.model_dump()),
    )


def _local(section: LocalSection, models: tuple[str, ...]) -> Provider:
    from routerkit.providers.local import Local

    if section.model is None and len(models) > 1:
        raise ConfigError(
            f"a local provider runs one model, but its targets name {len(models)} ({', '.join(models)}); make one provider for each"
        )
    return Local(
        section.model or next(iter(models)),
        context_tokens=section.context_tokens,
        n_parallel=section.n_parallel,
        n_threads=section.n_threads,
    )


def _construct(dotted: str, options: Mapping[str, Json], secrets: Mapping[str, Secret]) -> Provider:
    provider = foreign_class(dotted)(**{key: _revealed(secrets, key) or value for key, value in options.items()})
    missing = [name for name in _METHODS if not callable(getattr(provider, name, None))]
    if missing:
        raise ConfigError(f"{dotted!r} is not a provider: it lacks {', '.join(missing)}")
    return cast("Provider", provider)  # it has all that one has


def _key(section: ClassSection) -> dict[str, Json]:
    return {} if section.api_key is None else {"api_key": section.api_key}


def _revealed(secrets: Mapping[str, Secret], name: str) -> str | None:
    return secrets[name].reveal() if name in secrets else None


def _is_sent_in_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
