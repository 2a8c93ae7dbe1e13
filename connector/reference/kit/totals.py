"""Rules of records with lines: totals are computed, never written."""

from __future__ import annotations

from connector.reference.kit.money import LineNames, totals
from connector.reference.kit.objects import Fields
from connector.reference.kit.values import check_size


def set_totals(fields: Fields, names: LineNames, net: str, tax: str, total: str) -> None:
    """Fill the total of each line and of the record. Raises ServiceError 422 when a figure is too large."""
    sums = totals(fields["lines"], names, fields["freight"], fields["currency"])
    for line, value in zip(fields["lines"], sums.line_totals, strict=True):
        line[names.total] = value
    check_size("lines", sums.net)
    check_size("lines", sums.tax)
    check_size("lines", sums.total)
    fields[net], fields[tax], fields[total] = sums.net, sums.tax, sums.total
