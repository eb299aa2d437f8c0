from checklib import *

text = code("forms.py")
for words in (": required", "too long", "must be between", "not an e-mail address", "must be one of"):
    assert text.count(words) <= 1, f"{words!r} is repeated"
for name in ("check_person", "check_order", "check_login"):
    assert n_statements(functions("forms.py")[name]) <= 3, name
assert text.count(".isdigit(") + text.count("int(") <= 3 and text.count(".strip(") == 1
import forms as f

same(f.check_person({"name": " Ann ", "mail": "a@b.c", "age": ""}), [])
same(f.check_person({}), ["name: required", "mail: required"])
same(f.check_person({"name": "x" * 41, "mail": "a@b", "age": "17"}), ["name: too long (max 40)", "mail: not an e-mail address", "age: must be between 18 and 120"])
same(f.check_person({"name": "x" * 40 + "  ", "mail": "a@@b.c", "age": "x"}), ["mail: not an e-mail address", "age: must be between 18 and 120"])
same(f.check_person({"name": None, "mail": " ", "age": " 120 "}), ["name: required", "mail: required"])
same(f.check_person({"name": "a", "mail": "a.b@c", "age": "121"}), ["mail: not an e-mail address", "age: must be between 18 and 120"])
same(f.check_person({"name": "a", "mail": "a@b.c", "age": "-20"}), ["age: must be between 18 and 120"])
same(f.check_order({"article": "A", "qty": "1", "ship": "post"}), [])
same(f.check_order({}), ["article: required", "qty: required", "ship: required"])
same(f.check_order({"article": "A" * 13, "qty": "1000", "ship": "Post", "note": "n" * 81}), ["article: too long (max 12)", "qty: must be between 1 and 999", "ship: must be one of post, courier", "note: too long (max 80)"])
same(f.check_order({"article": "A", "qty": "0", "ship": "courier", "note": "n" * 80}), ["qty: must be between 1 and 999"])
same(f.check_order({"article": "A", "qty": "1.5", "ship": "courier"}), ["qty: must be between 1 and 999"])
same(f.check_login({"mail": "x@y.z"}), [])
same(f.check_login({"lang": "it"}), ["mail: required", "lang: must be one of de, en, fr"])
same(f.check_login({"mail": "@y.z", "lang": " fr "}), [])
form = {"mail": " x@y.z "}
f.check_login(form)
same(form, {"mail": " x@y.z "})
