"""A parser of SOQL that knows what it knows and refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from connector.emulators.salesforce.errors import Refusal, refusal
from connector.emulators.salesforce.soql.nodes import (
    Among,
    Both,
    Compare,
    Condition,
    Either,
    Literal,
    LiteralKind,
    Not,
    Order,
    Path,
    Query,
)

MAX_TEXT = 100_000
MAX_STRING = 4_000
MAX_OFFSET = 2_000

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)(?![\w:])
    | (?P<number>[+-]?\d+(?:\.\d+)?)(?![\w.])
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<mark><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPES: Mapping[str, str] = {
    "n": "\n", "N": "\n", "r": "\r", "R": "\r", "t": "\t", "T": "\t", "b": "\b", "B": "\b", "f": "\f", "F": "\f",
    '"': '"', "'": "'", "\\": "\\",
}  # fmt: skip
_RESERVED = frozenset(
    "select from where and or not in like order by limit offset asc desc nulls null true false".split()  # noqa: SIM905
)
_COMPARISONS = frozenset(("=", "!=", "<>", "<", "<=", ">", ">="))


class Token(NamedTuple):
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else self.text


def located(code: str, text: str, at: int, message: str) -> Refusal:
    """An error that points to its place in the query, as the vendor's do."""
    row = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    shown = text[max(0, at - 30) : at + 30]
    return refusal(code, f"\n{shown}\n{' ' * min(at, 30)}^\nERROR at Row:{row}:Column:{column}\n{message}")


def malformed(message: str) -> Refusal:
    return refusal("MALFORMED_QUERY", message)


def parse(text: str) -> Query:
    """The query a text is. Raises Refusal MALFORMED_QUERY."""
    if len(text) > MAX_TEXT:
        raise malformed(f"SOQL statements cannot be longer than {MAX_TEXT} characters.")
    parser = _Parser(text, _tokens(text))
    query = parser.query(nested=False)
    parser.end()
    return query


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            raise malformed(f"unexpected token: '{rest[:1]}'")
        kind = match.lastgroup or ""
        tokens.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*tokens, Token("end", "<EOF>", end)]


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _taken(self, *words: str) -> bool:
        """Take these words if they come next."""
        if [token.word for token in self._tokens[self._at : self._at + len(words)]] != list(words):
            return False
        self._at += len(words)
        return True

    def _unexpected(self, token: Token) -> Refusal:
        return located("MALFORMED_QUERY", self._text, token.at, f"unexpected token: '{token.text}'")

    def _expect(self, word: str) -> Token:
        token = self._take()
        if token.word != word:
            raise self._unexpected(token)
        return token

    def end(self) -> None:
        if self._next.kind != "end":
            raise self._unexpected(self._next)

    def query(self, nested: bool) -> Query:
        self._expect("select")
        count = not nested and self._taken("count", "(", ")")
        fields: list[Path] = []
        children: list[Query] = []
        while not count:
            if not nested and self._taken("("):
                children.append(self.query(nested=True))
                self._expect(")")
            else:
                fields.append(self._path())
            if not self._taken(","):
                break
        self._expect("from")
        source = self._path()
        if len(source.names) != 1:
            raise self._unexpected(Token("word", str(source), source.at))
        where = self._condition() if self._taken("where") else None
        order = self._order() if self._taken("order", "by") else ()
        limit = self._whole() if self._taken("limit") else None
        offset = self._whole() if not nested and self._taken("offset") else 0
        if offset > MAX_OFFSET:
            raise refusal("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        named = [str(path).lower() for path in fields]
        twice = next((path for path in fields if named.count(str(path).lower()) > 1), None)
        if twice is not None:
            raise malformed(f"duplicate field selected: {twice}")
        if count and order:
            raise malformed("ORDER BY is not allowed with COUNT()")
        return Query(
            self._text, source.names[0], source.at, tuple(fields), tuple(children), count, where, order, limit, offset
        )

    def _path(self) -> Path:
        token = self._take()
        if token.kind != "word" or token.word in _RESERVED - {"order"}:
            raise self._unexpected(token)
        return Path(tuple(token.text.split(".")), token.at)

    def _whole(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected(token)
        return int(token.text)

    def _order(self) -> tuple[Order, ...]:
        orders: list[Order] = []
        while True:
            path = self._path()
            descending = self._taken("desc") or (self._taken("asc") and False)
            nulls_last = False
            if self._taken("nulls"):
                nulls_last = self._taken("last")
                if not nulls_last:
                    self._expect("first")
            orders.append(Order(path, descending, nulls_last))
            if not self._taken(","):
                return tuple(orders)

    def _condition(self) -> Condition:
        """`a AND b AND c`, `a OR b`, `NOT a`: never mixed without parentheses, as the vendor wants it."""
        if self._taken("not"):
            return Not(self._simple())
        parts = [self._simple()]
        joint = self._next.word
        while joint in ("and", "or") and self._taken(joint):
            parts.append(self._simple())
        if len(parts) == 1:
            return parts[0]
        return Both(tuple(parts)) if joint == "and" else Either(tuple(parts))

    def _simple(self) -> Condition:
        if self._taken("("):
            inside = self._condition()
            self._expect(")")
            return inside
        path = self._path()
        token = self._take()
        if token.word in _COMPARISONS or token.word == "like":
            return Compare(path, "!=" if token.text == "<>" else token.word, self._literal())
        negated = token.word == "not"
        if negated:
            token = self._take()
        if token.word != "in":
            raise self._unexpected(token)
        self._expect("(")
        values = [self._literal()]
        while self._taken(","):
            values.append(self._literal())
        self._expect(")")
        return Among(path, tuple(values), negated)

    def _literal(self) -> Literal:
        token = self._take()
        if token.kind == "text":
            return Literal("text", self._unescaped(token), token.at)
        if token.kind == "word" and token.word in ("true", "false"):
            return Literal("boolean", token.word, token.at)
        if token.word == "null":
            return Literal("null", "", token.at)
        kinds: Mapping[str, LiteralKind] = {"number": "number", "date": "date", "datetime": "datetime"}
        if token.kind in kinds:
            return Literal(kinds[token.kind], token.text, token.at)
        raise self._unexpected(token)

    def _unescaped(self, token: Token) -> str:
        """The text between the quotes; `\\%` and `\\_` stay as they are, for LIKE to tell them apart."""

        def one(match: re.Match[str]) -> str:
            letter = match[1]
            if letter in "%_":
                return f"\\{letter}"
            if letter not in _ESCAPES:
                raise located("MALFORMED_QUERY", self._text, token.at, f"Illegal escape sequence: \\{letter}")
            # A backslash stays doubled until the condition is known: LIKE reads it differently.
            return "\\\\" if letter == "\\" else _ESCAPES[letter]

        text = re.sub(r"\\(.)", one, token.text[1:-1], flags=re.DOTALL)
        if len(text) > MAX_STRING:
            raise malformed(f"a string in a condition cannot be longer than {MAX_STRING} characters")
        return text


def plain(text: str) -> str:
    """A literal's text where there is no LIKE."""
    return re.sub(r"\\([\\%_])", r"\1", text)
