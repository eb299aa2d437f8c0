class VaultError(Exception):
    pass


class NotFound(VaultError):
    pass


class Locked(VaultError):
    pass


class Invalid(VaultError):
    pass
