"""What the hidden checks share: questions about the text of an answer. Laid beside every check.py."""

import ast
import pathlib
import re


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8")


def tree(path):
    return ast.parse(read(path))


def walk(path, *kinds):
    """Nodes of these kinds, anywhere in the file."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, kinds)]


def imports(path):
    """Modules a file imports, absolute or not, with the names taken from them: {"os", "os.path", "os.path.join"}."""
    found = set()
    for node in walk(path, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            base = "." * node.level + (node.module or "")
            found |= {base} | {f"{base.rstrip('.')}.{alias.name}" for alias in node.names}
    return found


def names(path):
    """Identifiers a file uses: variables, attributes, imported names, keyword arguments."""
    found = {node.id for node in walk(path, ast.Name)} | {node.attr for node in walk(path, ast.Attribute)}
    found |= {alias.name.split(".")[0] for node in walk(path, ast.Import, ast.ImportFrom) for alias in node.names}
    return found | {node.arg for node in walk(path, ast.keyword) if node.arg}


def functions(path):
    """Functions and methods by name, nested ones too."""
    return {node.name: node for node in walk(path, ast.FunctionDef, ast.AsyncFunctionDef)}


def classes(path):
    return {node.name: node for node in walk(path, ast.ClassDef)}


def calls(path_or_node):
    """Texts of everything called: {"print", "os.path.join", "self.save"}."""
    node = tree(path_or_node) if isinstance(path_or_node, str) else path_or_node
    return {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}


def n_statements(node):
    """Statements below a node, docstrings not counted."""
    found = [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
    return sum(not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in found)


def longest_function(path):
    """Most statements in one function, nested ones included."""
    return max((n_statements(node) for node in functions(path).values()), default=0)


def depth(node, level=0):
    """How deep if, for, while, with and try are nested below a node; `elif` is no deeper than its `if`."""
    deepest = level
    for name, value in ast.iter_fields(node):
        is_elif = name == "orelse" and isinstance(node, ast.If) and len(value) == 1 and isinstance(value[0], ast.If)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                deeper = isinstance(child, (ast.If, ast.For, ast.While, ast.With, ast.Try)) and not is_elif
                deepest = max(deepest, depth(child, level + deeper))
    return deepest


def percent_formats(path):
    """`"..." % x` with a text on the left."""
    found = walk(path, ast.BinOp)
    return [n for n in found if isinstance(n.op, ast.Mod) and isinstance(n.left, (ast.Constant, ast.JoinedStr)) and not isinstance(getattr(n.left, "value", ""), (int, float))]


def code(path):
    """The file without comments and docstrings, in one canonical form."""
    module = tree(path)
    for node in ast.walk(module):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))] or [ast.Pass()]
    return ast.unparse(module)


def has(pattern, path):
    """Whether a regular expression occurs in the code, comments and docstrings left aside."""
    return re.search(pattern, code(path)) is not None


def raises(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind:
        return True
    return False


def error(kind, function, *args, **kwargs):
    """The exception raised; fails when there is none."""
    try:
        function(*args, **kwargs)
    except kind as exc:
        return exc
    raise AssertionError(f"{kind.__name__} expected")


def same(actual, expected):
    """Equality that says what was wrong."""
    assert actual == expected, f"got {actual!r}, expected {expected!r}"
    assert type(actual) is type(expected), f"got a {type(actual).__name__}, expected a {type(expected).__name__}"
