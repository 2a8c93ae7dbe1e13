"""The bodies of requests, field by field; other fields and other types are refused."""

from __future__ import annotations

import msgspec

from connector.emulators.hubspot.definitions import Option
from connector.emulators.hubspot.values import Given


class Shape(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Base of all: names in camel case, nothing unknown."""


class Ref(Shape):
    """An end of an association; the official examples send numbers too."""

    id: str | int


class TypeRef(Shape):
    association_category: str
    association_type_id: int


class Target(Shape):
    to: Ref
    types: list[TypeRef]


class Create(Shape):
    properties: dict[str, Given]
    associations: list[Target] = []


class Update(Shape):
    properties: dict[str, Given]


class Merge(Shape):
    primary_object_id: str
    object_id_to_merge: str


class CreateInput(Shape):
    properties: dict[str, Given]
    associations: list[Target] = []
    object_write_trace_id: str | None = None


class UpdateInput(Shape):
    id: str
    properties: dict[str, Given]
    id_property: str | None = None
    object_write_trace_id: str | None = None


class CreateBatch(Shape):
    inputs: list[CreateInput]


class UpdateBatch(Shape):
    inputs: list[UpdateInput]


class BinBatch(Shape):
    inputs: list[Ref]


class ReadBatch(Shape):
    inputs: list[Ref]
    properties: list[str] = []
    properties_with_history: list[str] = []
    id_property: str | None = None


class Filter(Shape):
    property_name: str
    operator: str
    value: str | None = None
    high_value: str | None = None
    values: list[str] | None = None


class FilterGroup(Shape):
    filters: list[Filter]


class Sort(Shape):
    property_name: str
    direction: str = "ASCENDING"


class Search(Shape):
    filter_groups: list[FilterGroup] = []
    sorts: list[str | Sort] = []
    properties: list[str] = []
    limit: int = 10
    after: str | int | None = None
    query: str | None = None


class LinkInput(Shape):
    from_: Ref = msgspec.field(name="from")
    to: Ref
    types: list[TypeRef]


class LinkBatch(Shape):
    inputs: list[LinkInput]


class DefaultLinkInput(Shape):
    from_: Ref = msgspec.field(name="from")
    to: Ref


class DefaultLinkBatch(Shape):
    inputs: list[DefaultLinkInput]


class UnlinkInput(Shape):
    from_: Ref = msgspec.field(name="from")
    to: list[Ref]


class UnlinkBatch(Shape):
    inputs: list[UnlinkInput]


class LinksInput(Shape):
    id: str
    after: str | None = None


class LinksBatch(Shape):
    inputs: list[LinksInput]


class PropertyCreate(Shape):
    """A definition as it is asked for. What the emulator does not show again is checked for its type only."""

    name: str
    label: str
    type: str
    field_type: str
    group_name: str
    description: str = ""
    options: list[Option] = []
    has_unique_value: bool = False
    hidden: bool = False
    form_field: bool = True
    display_order: int = -1
    external_options: bool = False
    calculation_formula: str | None = None
    currency_property_name: str | None = None
    data_sensitivity: str | None = None
    number_display_hint: str | None = None
    referenced_object_type: str | None = None
    show_currency_symbol: bool | None = None


class PropertyBatch(Shape):
    inputs: list[PropertyCreate]


class GroupCreate(Shape):
    name: str
    label: str
    display_order: int = -1


class Throttling(Shape):
    max_concurrent_requests: int


class WebhookSettings(Shape):
    target_url: str
    throttling: Throttling


class SubscriptionCreate(Shape):
    active: bool
    event_type: str
    property_name: str | None = None
    object_type_id: str | None = None
    event_type_name: str | None = None


class JournalSubscription(Shape):
    subscription_type: str
    object_type_id: str
    portal_id: int
    actions: list[str]
    properties: list[str] = []
    object_ids: list[int] = []
