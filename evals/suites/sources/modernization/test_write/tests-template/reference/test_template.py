import unittest

from template import render


class RenderTest(unittest.TestCase):
    def test_values_are_escaped(self):
        self.assertEqual(render("<b>{{ name }}</b>", {"name": "<'&\">"}), "<b>&lt;&#x27;&amp;&quot;&gt;</b>")

    def test_raw_values(self):
        self.assertEqual(render("{{!name}}", {"name": "<b>"}), "<b>")

    def test_nested_names(self):
        self.assertEqual(render("{{a.b.c}}-{{a.d}}", {"a": {"b": {"c": 1}, "d": 0}}), "1-0")

    def test_defaults(self):
        self.assertEqual(render("{{a| none }},{{b|x}},{{c|}}", {"b": 5, "c": None}), "none,5,")

    def test_missing_name(self):
        for template, name in (("{{a}}", "a"), ("{{!b.c}}", "b.c")):
            with self.assertRaises(KeyError) as caught:
                render(template, {"b": 1})
            self.assertEqual(caught.exception.args, (name,))

    def test_values_are_not_filled_in_again(self):
        self.assertEqual(render("{{a}}{{!b}}", {"a": "{{b}}", "b": "{{a}}"}), "{{b}}{{a}}")
