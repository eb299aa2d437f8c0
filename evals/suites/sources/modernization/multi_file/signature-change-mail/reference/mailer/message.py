from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    to: str
    subject: str
    body: str
    html: bool = False
    cc: tuple[str, ...] = ()
