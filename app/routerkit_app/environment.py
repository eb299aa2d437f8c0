"""What `routerkit app` tells the server it starts, as environment variables."""

from __future__ import annotations

from typing import Final

FOLDER: Final = "ROUTERKIT_APP_FOLDER"
"""Folder of the store that is shown."""
DEMO: Final = "ROUTERKIT_APP_DEMO"
"""Set when the data are generated."""
PASSWORD: Final = "ROUTERKIT_APP_PASSWORD"  # noqa: S105  name of the variable
"""Password of the app; without it nobody is asked. Set by whoever starts it."""
CONFIG: Final = "ROUTERKIT_APP_CONFIG"
"""Configuration behind the shown traffic, if there is one."""
