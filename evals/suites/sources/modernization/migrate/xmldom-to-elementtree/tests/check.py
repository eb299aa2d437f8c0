from checklib import *

used = imports("catalog_xml.py")
assert not any("dom" in u or "sax" in u or "expat" in u for u in used), used
assert any(u.startswith("xml.etree") for u in used)
assert not {"re", "html"} & used
import xml.etree.ElementTree as ET

import catalog_xml as c

text = """<catalog><!-- x --><product sku="a1"><title> Tea &amp; <![CDATA[<Milk>]]> </title><price>3.5</price></product>
<group><product sku="b2"><price>12</price></product><group><product><title>a<!-- note -->b</title><price> </price></product></group></group>
<product sku="d"><title/><price>0.05</price><extra><title>inner</title></extra></product></catalog>"""
same(c.read(text), [("a1", "Tea & <Milk>", 350), ("b2", "", 1200), ("", "ab", None), ("d", "", 5)])
same(c.read("<product sku='root'><x><title>deep</title></x></product>"), [("root", "deep", None)])
same(c.read("<p><product sku='m'><title>one <b>bold</b> two</title><price>7.999</price></product></p>"), [("m", "one  two", 799)])
ns = '<s:list xmlns:s="urn:supplier"><s:product sku="n1"><s:title>T</s:title><s:price>1.10</s:price></s:product><product sku="no"/></s:list>'
same(c.read(ns, "urn:supplier"), [("n1", "T", 110)])
same(c.read('<list xmlns="urn:supplier"><product sku="n2"><title>U</title></product></list>', ns="urn:supplier"), [("n2", "U", None)])
same(c.read("<catalog/>"), [])
rows = [('q"<', "A & B <c>", 1005), ("e", "", None), ("é", "ünï", 7)]
written = c.write(rows)
same(c.read(written), rows)
assert isinstance(written, str) and "<?xml" not in written and "\n" not in written
root = ET.fromstring(written)
same([root.tag] + [p.tag for p in root], ["catalog", "product", "product", "product"])
same([[e.tag for e in p] for p in root], [["title", "price"], ["title"], ["title", "price"]])
same(root[0][1].text, "10.05")
same(len(ET.fromstring(c.write([]))), 0)
assert raises(Exception, c.read, "<open>")
