def matches(rule, path):
    """Whether a rule covers a path: the same text, or everything that starts like a rule that ends in `*`."""
    if rule.endswith("*"):
        return path.startswith(rule[:-1])
    return path == rule


def may(user, verb, path, rules, groups=None):
    """Whether a user may do something with a path.

    Rules are (who, verbs, path, effect): `who` is a user or one of the user's groups (`groups` maps user to groups), verbs a tuple,
    effect "allow" or "deny". One denial that fits wins over everything; without a rule that fits nothing is allowed.
    """
    groups = groups or {}
    names = [user, *groups.get(user, ())]
    allowed = False
    for who, verbs, rule, effect in rules:
        is_hit = False
        if who in names and verb in verbs and matches(rule, path):
            is_hit = True
        if is_hit and effect == "deny":
            return False
        allowed = True if is_hit else allowed
    return allowed
