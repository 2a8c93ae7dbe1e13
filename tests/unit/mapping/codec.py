"""Builds one converter from its options as they would be typed."""

from __future__ import annotations

from typing import Any

from connector.mapping.codecs import Amount, Paired, Plain, Split
from connector.mapping.converters import read_codec
from connector.mapping.located import parse_yaml
from connector.model.entities import Field, FieldType


def codec(options: str, type_: FieldType = FieldType.TEXT, **more: Any) -> Any:
    """The converter for `{OPTIONS}` on a field of this type; no problem may be left."""
    document = parse_yaml("{" + options + "}", "t.yaml")
    parts = 2 if "person_name" in options else 1
    reader = document.reader()
    found = read_codec(reader, (Field("f", type_, **more),) * parts)
    reader.finish("field")
    assert not document.problems, document.problems
    assert isinstance(found, (Plain, Paired, Amount, Split))
    return found
