def length(limit):
    return lambda text: f"too long (max {limit})" if len(text) > limit else None


def between(low, high):
    def check(text):
        is_right = text.isdigit() and low <= int(text) <= high
        return None if is_right else f"must be between {low} and {high}"

    return check


def mail(text):
    is_right = text.count("@") == 1 and "." in text.split("@")[1]
    return None if is_right else "not an e-mail address"


def choice(*values):
    return lambda text: None if text in values else f"must be one of {', '.join(values)}"


PERSON = (("name", True, length(40)), ("mail", True, mail), ("age", False, between(18, 120)))
ORDER = (
    ("article", True, length(12)),
    ("qty", True, between(1, 999)),
    ("ship", True, choice("post", "courier")),
    ("note", False, length(80)),
)
LOGIN = (("mail", True, mail), ("lang", False, choice("de", "en", "fr")))


def _check(form, fields):
    found = ((name, _problem((form.get(name) or "").strip(), needed, rule)) for name, needed, rule in fields)
    return [f"{name}: {problem}" for name, problem in found if problem]


def _problem(text, needed, rule):
    if not text:
        return "required" if needed else None
    return rule(text)


def check_person(form):
    return _check(form, PERSON)


def check_order(form):
    return _check(form, ORDER)


def check_login(form):
    return _check(form, LOGIN)
