import re

PAIR = re.compile(r'(\w+)="(.*)"')


def fields(text):
    return [(m[1], m[2]) for m in PAIR.finditer(text)]
