def n_pages(n, size):
    """How many pages n items need."""
    return (n + size - 1) // size


def pages(items, size):
    return [items[i * size : (i + 1) * size] for i in range(n_pages(len(items), size))]


def page_of(items, item, size):
    """Number of the page an item is on; pages are counted from 1."""
    return items.index(item) // size


def find(items, item, size):
    number = page_of(items, item, size)
    return number, pages(items, size)[number - 1]
