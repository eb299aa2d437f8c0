import html
import re

HOLE = re.compile(r"\{\{\s*(!?[\w.]+)\s*(?:\|([^}]*))?\}\}")


def escape(text):
    return html.escape(text)


def render(template, values):
    """Fill the holes of a template.

    `{{name}}` is replaced by the value, escaped for HTML (quotes too); `{{!name}}` by the value as it is; `{{a.b}}` looks up nested
    dicts; `{{name|text}}` uses the text after the bar (without blanks around it) when the value is missing or None. A missing value
    without such a default raises KeyError with the name. Inserted values are never filled in again.
    """

    def fill(match):
        name, default = match[1], match[2]
        is_raw = name.startswith("!")
        name = name.lstrip("!")
        value = lookup(values, name)
        if value is None and default is not None:
            value = default.strip()
        if value is None:
            raise KeyError(name)
        text = str(value)
        return text if is_raw else escape(text)

    return HOLE.sub(fill, template)


def lookup(values, name):
    """Value of a dotted name, None when there is none."""
    for key in name.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values
