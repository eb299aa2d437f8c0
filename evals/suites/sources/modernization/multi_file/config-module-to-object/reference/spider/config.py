from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    agent: str = "bot"
    depth: int = 2
    hosts: tuple[str, ...] = ()
    delay_s: float = 0.5


READERS = {
    "agent": str,
    "depth": int,
    "hosts": lambda value: tuple(h.strip() for h in value.split(",") if h.strip()),
    "delay_s": float,
}


def load(text):
    values = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        key, _, value = (part.strip() for part in line.partition("="))
        if key not in READERS:
            raise ValueError(f"unknown key {key!r}")
        values[key] = READERS[key](value)
    return Config(**values)
