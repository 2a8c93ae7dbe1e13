"""The safe expression language of `filter:` and `expr:`; compiled once, evaluated many times, from any thread.

    stage == 'won' and number(amount) >= 1000.50
    trim(first_name) + ' ' + upper(last_name)
    'key account' if tier in ('A', 'B') else null

Names are system fields, also where a function has the same name (`field('Odd Name')` for one that is no identifier); an
absent field reads as null. Operators:
and or not, == != < <= > >=, in, not in, + - * /, `A if C else B`. Numbers are Decimal, never float. Null follows three
rules: arithmetic with null gives null, `<` and its kin with null are false, `==` treats null as a value.

Nothing is evaluated by Python: the parsed text is checked against a list of allowed forms and turned into plain
closures. There are no attributes, subscripts, comprehensions, powers, keyword arguments or loops, and length, depth and
the size of results are bounded, so an expression ends, quickly, whatever a file says.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException
from typing import Any, TypeAlias

from connector.errors import NoImageError
from connector.mapping.functions import FUNCTIONS, MAX_TEXT, as_number, kind, plain, truth

MAX_LENGTH = 500
MAX_DEPTH = 20
MAX_NODES = 150

Fields: TypeAlias = Mapping[str, Any]
Closure: TypeAlias = Callable[[Fields], Any]

_CONTEXT = Context(prec=40)
_NAMED: Mapping[str, Any] = {"true": True, "false": False, "null": None}


class ExpressionError(ValueError):
    """The text is no expression. offset: characters from its start. suggestion: the nearest valid name."""

    def __init__(self, message: str, offset: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. names: every system field it reads."""

    text: str
    names: frozenset[str]
    _run: Closure

    def __call__(self, fields: Fields) -> Any:
        """Its value for these system fields. Raises NoImageError where types do not fit."""
        try:
            return self._run(fields)
        except DecimalException:
            raise NoImageError(f"`{self.text}` cannot be calculated: division by zero or a number too large") from None
        except NoImageError as error:
            raise NoImageError(f"`{self.text}`: {error}") from None

    def holds(self, fields: Fields) -> bool:
        """Whether it is true; null is false. Raises NoImageError when it is neither true nor false."""
        return truth(self(fields))


def compile_expression(text: str) -> Expression:
    """Check and compile. Raises ExpressionError with the place of the mistake."""
    text = text.strip()
    if not text:
        raise ExpressionError("an empty expression")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression of {len(text)} characters; the limit is {MAX_LENGTH}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ExpressionError(f"`{text}`: {error.msg}", max(0, (error.offset or 1) - 1)) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("an expression that cannot be read") from None
    compiler = _Compiler(text)
    run = compiler.build(tree.body, 0)
    return Expression(text, frozenset(compiler.names), run)


class _Compiler:
    """Turns allowed syntax into closures over the record's fields."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self.nodes = 0

    def refuse(self, node: ast.AST, what: str, suggestion: str | None = None) -> ExpressionError:
        return ExpressionError(what, getattr(node, "col_offset", 0), suggestion)

    def build(self, node: ast.expr, depth: int) -> Closure:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise self.refuse(node, "an expression nested too deep or too long")
        builder = _BUILDERS.get(type(node))
        if builder is None:
            raise self.refuse(node, f"`{_source(self.text, node)}`, which is not allowed in an expression")
        return builder(self, node, depth + 1)

    def constant(self, node: ast.Constant, depth: int) -> Closure:
        value: Any = node.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = self._number(node)
        elif not isinstance(value, (str, bool, type(None))):
            raise self.refuse(node, f"`{_source(self.text, node)}`, which is not allowed in an expression")
        return lambda fields: value

    def _number(self, node: ast.Constant) -> Decimal:
        # The literal's own text: a float would already have lost digits.
        literal = ast.get_source_segment(self.text, node) or ""
        try:
            return as_number(literal.replace("_", ""))
        except NoImageError:
            raise self.refuse(node, f"`{literal[:20]}`, which is no decimal number") from None

    def name(self, node: ast.Name, depth: int) -> Closure:
        name = node.id
        if name in _NAMED:
            value = _NAMED[name]
            return lambda fields: value
        return self.field(name)

    def field(self, name: str) -> Closure:
        self.names.add(name)

        def read(fields: Fields) -> Any:
            return plain(fields.get(name))

        return read

    def either(self, node: ast.BoolOp, depth: int) -> Closure:
        parts = tuple(self.build(part, depth) for part in node.values)
        if isinstance(node.op, ast.And):
            return lambda fields: all(truth(part(fields)) for part in parts)
        return lambda fields: any(truth(part(fields)) for part in parts)

    def unary(self, node: ast.UnaryOp, depth: int) -> Closure:
        inner = self.build(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda fields: not truth(inner(fields))
        if isinstance(node.op, ast.USub):
            return lambda fields: _arithmetic(Decimal(0), inner(fields), _CONTEXT.subtract, "-")
        raise self.refuse(node, f"`{_source(self.text, node)}`, which is not allowed in an expression")

    def binary(self, node: ast.BinOp, depth: int) -> Closure:
        known = _ARITHMETIC.get(type(node.op))
        if known is None:
            raise self.refuse(node, f"`{_source(self.text, node)}`, which is not allowed in an expression")
        sign, operate = known
        left, right = self.build(node.left, depth), self.build(node.right, depth)
        if sign == "+":
            return lambda fields: _add(left(fields), right(fields))
        return lambda fields: _arithmetic(left(fields), right(fields), operate, sign)

    def compare(self, node: ast.Compare, depth: int) -> Closure:
        parts: list[Closure] = [self.build(node.left, depth)]
        tests: list[Callable[[Any, Any], bool]] = []
        for operator, item in zip(node.ops, node.comparators, strict=True):
            test = _COMPARE.get(type(operator))
            if test is None:
                raise self.refuse(item, "`is`, which is not allowed; write `==`")
            is_list = isinstance(operator, (ast.In, ast.NotIn)) and isinstance(item, (ast.Tuple, ast.List))
            parts.append(self.choices(item, depth) if is_list else self.build(item, depth))  # type: ignore[arg-type]
            tests.append(test)
        if len(tests) == 1:
            left, right, only = parts[0], parts[1], tests[0]
            return lambda fields: only(left(fields), right(fields))

        def chain(fields: Fields) -> bool:
            values = [part(fields) for part in parts]
            return all(test(values[i], values[i + 1]) for i, test in enumerate(tests))

        return chain

    def choices(self, node: ast.Tuple | ast.List, depth: int) -> Closure:
        parts = tuple(self.build(item, depth) for item in node.elts)
        return lambda fields: tuple(part(fields) for part in parts)

    def conditional(self, node: ast.IfExp, depth: int) -> Closure:
        test, yes, no = (self.build(part, depth) for part in (node.test, node.body, node.orelse))
        return lambda fields: yes(fields) if truth(test(fields)) else no(fields)

    def call(self, node: ast.Call, depth: int) -> Closure:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is None or node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise self.refuse(node, f"`{_source(self.text, node)}`, which is not allowed in an expression")
        if name == "field":
            return self._named_field(node)
        function = FUNCTIONS.get(name)
        if function is None:
            from connector.mapping.located import listed, nearest

            known = (*FUNCTIONS, "field")
            message = f"function `{name}`, which does not exist; there are {listed(sorted(known), 30)}"
            raise self.refuse(node, message, nearest(name, known))
        if not function.least <= len(node.args) <= function.most:
            raise self.refuse(node, f"`{name}` with {len(node.args)} arguments; it is written {function.usage}")
        run = function.run
        arguments = tuple(self.build(argument, depth) for argument in node.args)
        return lambda fields: run(*[argument(fields) for argument in arguments])

    def _named_field(self, node: ast.Call) -> Closure:
        argument = node.args[0] if len(node.args) == 1 else None
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise self.refuse(node, "`field` without one quoted name")
        return self.field(argument.value)


_BUILDERS: Mapping[type, Callable[[_Compiler, Any, int], Closure]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.name,
    ast.BoolOp: _Compiler.either,
    ast.UnaryOp: _Compiler.unary,
    ast.BinOp: _Compiler.binary,
    ast.Compare: _Compiler.compare,
    ast.IfExp: _Compiler.conditional,
    ast.Call: _Compiler.call,
}

_ARITHMETIC: Mapping[type, tuple[str, Callable[[Decimal, Decimal], Decimal]]] = {
    ast.Add: ("+", _CONTEXT.add),
    ast.Sub: ("-", _CONTEXT.subtract),
    ast.Mult: ("*", _CONTEXT.multiply),
    ast.Div: ("/", _CONTEXT.divide),
}


def _source(text: str, node: ast.AST) -> str:
    found = ast.get_source_segment(text, node) or text
    return found if len(found) <= 40 else found[:37] + "..."


def _arithmetic(left: Any, right: Any, operate: Callable[[Decimal, Decimal], Decimal], sign: str) -> Decimal | None:
    if left is None or right is None:
        return None
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return operate(left, right)
    raise NoImageError(f"`{sign}` needs two numbers, found {kind(left)} and {kind(right)}; number(x) reads text")


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > MAX_TEXT:
            raise NoImageError(f"the text grows beyond {MAX_TEXT} characters")
        return left + right
    if left is None or right is None:
        return None
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return _CONTEXT.add(left, right)
    raise NoImageError(f"`+` needs two texts or two numbers, found {kind(left)} and {kind(right)}")


def _equal(left: Any, right: Any) -> bool:
    # True == Decimal(1) in Python; here a truth value equals only a truth value.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if type(left) is type(right) and isinstance(left, (str, Decimal)):
            return test(left, right)
        raise NoImageError(f"cannot order {kind(left)} and {kind(right)}; number(x) reads text as a number")

    return compare


def _contained(left: Any, right: Any) -> bool:
    if isinstance(right, (tuple, list)):
        return any(_equal(left, plain(item)) for item in right)
    if left is None or right is None:
        return False
    if isinstance(left, str) and isinstance(right, str):
        return left in right
    raise NoImageError(f"`in` needs a list or two texts, found {kind(left)} and {kind(right)}")


_COMPARE: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda left, right: not _equal(left, right),
    ast.Lt: _ordered(lambda left, right: bool(left < right)),
    ast.LtE: _ordered(lambda left, right: bool(left <= right)),
    ast.Gt: _ordered(lambda left, right: bool(left > right)),
    ast.GtE: _ordered(lambda left, right: bool(left >= right)),
    ast.In: _contained,
    ast.NotIn: lambda left, right: not _contained(left, right),
}
