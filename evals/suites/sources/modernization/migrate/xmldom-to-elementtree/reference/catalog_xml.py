import xml.etree.ElementTree as ET


def _text(node):
    return "".join([node.text or "", *(child.tail or "" for child in node)]).strip()


def read(text, ns=None):
    """All products, at any depth: list of (sku, title, price in cents or None)."""
    prefix = "" if ns is None else f"{{{ns}}}"
    return [_product(node, prefix) for node in ET.fromstring(text).iter(prefix + "product")]


def _product(node, prefix):
    title = next(node.iter(prefix + "title"), None)
    price = next(node.iter(prefix + "price"), None)
    cents = None
    if price is not None and _text(price):
        whole, _, part = _text(price).partition(".")
        cents = int(whole) * 100 + int((part + "00")[:2])
    return node.get("sku", ""), "" if title is None else _text(title), cents


def write(products):
    """XML text for (sku, title, cents) rows, without declaration and line breaks."""
    root = ET.Element("catalog")
    for sku, title, cents in products:
        product = ET.SubElement(root, "product", sku=sku)
        ET.SubElement(product, "title").text = title
        if cents is not None:
            whole, part = divmod(cents, 100)
            ET.SubElement(product, "price").text = f"{whole}.{part:02d}"
    return ET.tostring(root, encoding="unicode")
