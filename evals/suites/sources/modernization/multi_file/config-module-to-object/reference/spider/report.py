def summary(config, pages):
    return f"{config.agent}: {len(pages)} pages, deepest {max(pages.values(), default=0)} of {config.depth}"
