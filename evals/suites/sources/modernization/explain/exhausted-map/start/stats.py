def stats(texts):
    digits = filter(str.isdigit, texts)
    numbers = map(int, digits)
    best = max(numbers)
    total = sum(numbers)
    rest = sorted(digits)
    return best, total, rest
