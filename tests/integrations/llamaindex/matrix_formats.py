"""The list of 32 on every combination of format and failure, of which the default suite runs three to stay short.

Run by name: `python -m pytest tests/integrations/llamaindex/matrix_formats.py`; `make newest` runs it, too.
"""

from tests.integrations.llamaindex.suite import MORE_WAYS, on
from tests.integrations.llamaindex.test_list_of_32_calls import *  # noqa: F403 - the list itself
from tests.integrations.llamaindex.test_list_of_32_uses import *  # noqa: F403 - as above

pytestmark = on(MORE_WAYS)
