"""Merge functions m(base, left, right): m(b,x,x)=x, m(b,b,r)=r, m(b,l,b)=l, symmetric."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connector.model.values import Money, Value

MergeFunction = Callable[[Value, Value, Value], Value]


def add_changes(base: Value, left: Value, right: Value) -> Value:
    """Counters: both changes count. base 10, left 12, right 7 -> 9. Raises ValueError where it does not apply.

    The same value on both sides is one change seen twice.
    """
    if isinstance(base, Money) and isinstance(left, Money) and isinstance(right, Money):
        if len({base.currency, left.currency, right.currency}) == 1:
            if left == right:
                return left
            return Money(left.amount + right.amount - base.amount, base.currency)
        raise ValueError("add_changes needs one currency")
    if isinstance(base, Decimal) and isinstance(left, Decimal) and isinstance(right, Decimal):
        return left if left == right else left + right - base
    if type(base) is int and type(left) is int and type(right) is int:
        return left if left == right else left + right - base
    raise ValueError("add_changes needs three numbers")


def union(base: Value, left: Value, right: Value) -> Value:
    """Comma-separated sets: what either side added stays, what either removed goes. Result is sorted."""
    if not all(v is None or isinstance(v, str) for v in (base, left, right)):
        raise ValueError("union needs texts")
    if left == right:
        return left
    if base == left:
        return right
    if base == right:
        return left
    b, l_, r = (_items(v) for v in (base, left, right))
    kept = (l_ & r) | (l_ - b) | (r - b)
    return ", ".join(sorted(kept)) or None


def _items(value: Value) -> set[str]:
    return {part.strip() for part in str(value).split(",") if part.strip()} if value else set()


FUNCTIONS: dict[str, MergeFunction] = {"add_changes": add_changes, "union": union}
