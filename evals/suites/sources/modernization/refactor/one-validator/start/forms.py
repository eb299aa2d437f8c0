def check_person(form):
    errors = []
    name = (form.get("name") or "").strip()
    if not name:
        errors.append("name: required")
    elif len(name) > 40:
        errors.append("name: too long (max 40)")
    mail = (form.get("mail") or "").strip()
    if not mail:
        errors.append("mail: required")
    elif mail.count("@") != 1 or "." not in mail.split("@")[1]:
        errors.append("mail: not an e-mail address")
    age = (form.get("age") or "").strip()
    if age:
        if not age.isdigit() or not 18 <= int(age) <= 120:
            errors.append("age: must be between 18 and 120")
    return errors


def check_order(form):
    errors = []
    article = (form.get("article") or "").strip()
    if not article:
        errors.append("article: required")
    elif len(article) > 12:
        errors.append("article: too long (max 12)")
    qty = (form.get("qty") or "").strip()
    if not qty:
        errors.append("qty: required")
    elif not qty.isdigit() or not 1 <= int(qty) <= 999:
        errors.append("qty: must be between 1 and 999")
    ship = (form.get("ship") or "").strip()
    if not ship:
        errors.append("ship: required")
    elif ship not in ("post", "courier"):
        errors.append("ship: must be one of post, courier")
    note = (form.get("note") or "").strip()
    if len(note) > 80:
        errors.append("note: too long (max 80)")
    return errors


def check_login(form):
    errors = []
    mail = (form.get("mail") or "").strip()
    if not mail:
        errors.append("mail: required")
    elif mail.count("@") != 1 or "." not in mail.split("@")[1]:
        errors.append("mail: not an e-mail address")
    lang = (form.get("lang") or "").strip()
    if lang and lang not in ("de", "en", "fr"):
        errors.append("lang: must be one of de, en, fr")
    return errors
