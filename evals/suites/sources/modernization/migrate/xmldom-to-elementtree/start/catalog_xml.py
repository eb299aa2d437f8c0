from xml.dom import minidom


def _text(node):
    out = ""
    for child in node.childNodes:
        if child.nodeType in (child.TEXT_NODE, child.CDATA_SECTION_NODE):
            out += child.data
    return out.strip()


def _find(parent, tag, ns):
    if ns is None:
        return parent.getElementsByTagName(tag)
    return parent.getElementsByTagNameNS(ns, tag)


def read(text, ns=None):
    """All products, at any depth: list of (sku, title, price in cents or None)."""
    doc = minidom.parseString(text)
    out = []
    for product in _find(doc, "product", ns):
        titles = _find(product, "title", ns)
        prices = _find(product, "price", ns)
        title = _text(titles[0]) if titles else ""
        cents = None
        if prices and _text(prices[0]):
            whole, _, part = _text(prices[0]).partition(".")
            cents = int(whole) * 100 + int((part + "00")[:2])
        out.append((product.getAttribute("sku"), title, cents))
    return out


def write(products):
    """XML text for (sku, title, cents) rows, without declaration and line breaks."""
    doc = minidom.Document()
    root = doc.createElement("catalog")
    for sku, title, cents in products:
        p = doc.createElement("product")
        p.setAttribute("sku", sku)
        t = doc.createElement("title")
        t.appendChild(doc.createTextNode(title))
        p.appendChild(t)
        if cents is not None:
            c = doc.createElement("price")
            c.appendChild(doc.createTextNode("%d.%02d" % divmod(cents, 100)))
            p.appendChild(c)
        root.appendChild(p)
    return root.toxml()
