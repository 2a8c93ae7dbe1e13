"""A reader that follows the feed ends with what a full read shows, whatever is written meanwhile."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_calls import Caller

NAMES = st.sampled_from(["A", "B", "C"])
EXTERNAL = st.sampled_from(["x", "y", "z", None])
INDEX = st.integers(0, 5)
FIELDS = st.fixed_dictionaries({}, optional={"name": NAMES | st.none(), "external_id": EXTERNAL, "fax": NAMES})
STEP = st.one_of(
    st.tuples(st.just("create"), st.lists(FIELDS, min_size=1, max_size=3)),
    st.tuples(st.just("update"), st.lists(st.tuples(INDEX, FIELDS), min_size=1, max_size=4)),
    st.tuples(st.just("delete"), st.lists(INDEX, min_size=1, max_size=2)),
    st.tuples(st.just("parent"), st.tuples(INDEX, INDEX)),
    st.tuples(st.just("merge"), st.tuples(INDEX, INDEX)),
    st.tuples(st.just("read"), st.integers(1, 3)),
)


def _key(index: int) -> str:
    return f"C-{index + 1}"


def _do(crm: Caller, verb: str, given_: Any) -> tuple[list[str], list[str]] | None:
    """Do one step; for a batch, its span."""
    if verb == "parent":
        crm.patch(f"/api/companies/{_key(given_[0])}", {"parent_id": _key(given_[1])})
    elif verb == "merge":
        crm.post("/api/companies/merge", {"winner": _key(given_[0]), "loser": _key(given_[1])})
    else:
        items = {
            "create": lambda: [{"fields": fields} for fields in given_],
            "update": lambda: [{"id": _key(index), "fields": fields} for index, fields in given_],
            "delete": lambda: [{"id": _key(index)} for index in given_],
        }[verb]()
        answer = crm.batch("companies", verb, *items)
        done = [item["id"] for item in items if "id" in item]
        done += [item["record"]["id"] for item in answer["items"] if "record" in item]
        return answer["span"], done
    return None


class Follower:
    """What a client knows from the feed alone."""

    def __init__(self) -> None:
        self.cursor = ""
        self.records: dict[str, Any] = {}

    def read(self, crm: Caller, limit: int, *, to_the_end: bool = False) -> None:
        for _ in range(1000):
            page = crm.get(f"/api/companies?cursor={self.cursor}&limit={limit}").json
            for item in page["items"]:
                known = self.records.get(item["id"])
                assert known is None or item["version"] > known["version"] or item == known
                self.records[item["id"]] = item
            self.cursor = page["cursor"]
            if not (to_the_end and page["more"]):
                return

    def live(self) -> dict[str, Any]:
        return {key: item for key, item in self.records.items() if item["fields"] is not None}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEP, max_size=20))
def test_a_follower_misses_nothing(crm: Caller, steps: list[tuple[str, Any]]) -> None:
    follower = Follower()
    for verb, given_ in steps:
        if verb == "read":
            follower.read(crm, given_)
            continue
        _, before = crm.feed("companies")
        done = _do(crm, verb, given_)
        if done is not None:
            span, own = done
            assert span == [before, crm.feed("companies")[1]]
            assert {item["id"] for item in crm.feed("companies", before)[0]} <= set(own)
    follower.read(crm, 2, to_the_end=True)
    shown = crm.get("/api/companies?after=&limit=1000").json["items"]
    assert follower.live() == {item["id"]: item for item in shown}
    external = [item["fields"]["external_id"] for item in shown if item["fields"]["external_id"]]
    assert len(external) == len(set(external))
