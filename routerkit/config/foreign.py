"""Classes of the user's own that a configuration names as `package.module:Class`."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable

from routerkit.errors import ConfigError


def foreign_class(dotted: str) -> Callable[..., object]:
    """The class of that name.

    Raises:
        ImportError: the module, or something it imports, is missing.
        ConfigError: the module has a bug, or no such class.
    """
    module_name, _, class_name = dotted.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        raise
    except SyntaxError as exc:
        raise ConfigError(f"module {module_name!r} is not valid Python ({exc.filename}, line {exc.lineno}: {exc.msg}); fix it") from exc
    except Exception as exc:  # noqa: BLE001  foreign code, which may raise anything while it is imported
        place = traceback.extract_tb(exc.__traceback__)[-1]
        # `from None` and only the type: the text of a foreign exception may hold a key.
        why = f"raises {type(exc).__name__} when imported ({place.filename}, line {place.lineno})"
        raise ConfigError(f"module {module_name!r} {why}; fix it") from None
    found: Callable[..., object] | None = getattr(module, class_name, None)
    if found is None:
        raise ConfigError(f"module {module_name!r} has no {class_name!r}; correct the kind")
    return found
