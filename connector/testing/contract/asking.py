"""Promises of `check` and `hints`: a person is told how things stand, and a stranger is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from connector.errors import DeniedError
from connector.ports import WebhookRequest
from connector.testing.contract.case import Case, each_object, must_raise
from connector.testing.contract.subject import Cannot

OLD = 3600.0


class Answers:
    """Tests of `check` and `hints`."""

    @each_object
    def test_check_finds_a_working_connection_in_order(self, case: Case) -> None:
        for adapter in (case.adapter, case.open()):
            findings = adapter.check()
            assert findings, "check found nothing to say"
            assert all(finding.ok for finding in findings), f"{[f for f in findings if not f.ok]}"

    @each_object
    def test_a_rightly_signed_webhook_names_its_key(self, case: Case) -> None:
        record = case.created()
        for age in (0.0, 30.0):
            hints = case.adapter.hints(case.subject.webhook(case.object, record.key, age))
            assert (case.object, record.key) in {(hint.object, hint.key) for hint in hints}, f"{hints}"
            known = [hint.version for hint in hints if hint.version is not None]
            assert all(version <= record.version for version in known) or case.can.versions == "opaque"

    @each_object
    def test_names_of_headers_may_come_in_any_case(self, case: Case) -> None:
        good = case.subject.webhook(case.object, case.created().key, 0.0)
        for form in (str.lower, str.upper, str.title):
            assert case.adapter.hints(WebhookRequest({form(n): v for n, v in good.headers.items()}, good.body))

    @each_object
    def test_a_webhook_that_is_forged_in_any_part_is_refused(self, case: Case) -> None:
        first, second = (record.key for record in case.create(2))
        good = case.subject.webhook(case.object, first, 0.0)
        other = case.subject.webhook(case.object, second, 0.0)
        for forged in _forged(good, other):
            must_raise(partial(case.adapter.hints, forged), DeniedError, what="a forged webhook")

    @each_object
    def test_a_webhook_without_its_signature_is_refused(self, case: Case) -> None:
        good = case.subject.webhook(case.object, case.created().key, 0.0)
        bare = WebhookRequest({}, good.body)
        must_raise(lambda: case.adapter.hints(bare), DeniedError, what="a webhook without headers")
        essential = 0
        for name in good.headers:
            rest = WebhookRequest({n: v for n, v in good.headers.items() if n != name}, good.body)
            blank = WebhookRequest({**good.headers, name: ""}, good.body)
            essential += _refused(case, rest) and _refused(case, blank)
        assert essential, "no header is needed"

    @each_object
    def test_an_old_webhook_sent_again_is_refused(self, case: Case) -> None:
        key = case.created().key
        old = case.subject.webhook(case.object, key, OLD)
        must_raise(lambda: case.adapter.hints(old), DeniedError, what="a webhook an hour old")
        future = case.subject.webhook(case.object, key, -OLD)
        must_raise(lambda: case.adapter.hints(future), DeniedError, what="a webhook of the future")
        fresh = case.subject.webhook(case.object, key, 0.0)
        changed = [name for name in fresh.headers if fresh.headers[name] != old.headers.get(name)]
        if len(changed) == 1:
            return  # the time is inside the signature itself
        for name in changed:
            dressed = WebhookRequest({**old.headers, name: fresh.headers[name]}, old.body)
            must_raise(partial(case.adapter.hints, dressed), DeniedError, what="an old webhook with a new time")

    @each_object
    def test_a_system_that_sends_no_webhooks_believes_none(self, case: Case) -> None:
        try:
            case.subject.webhook(case.object, "1", 0.0)
        except Cannot:
            body = b'{"object": "x", "key": "1"}'
            for headers in ({}, {"x-signature": "sha256=0"}, {"Authorization": "Bearer x"}):
                stranger = WebhookRequest(headers, body)
                must_raise(partial(case.adapter.hints, stranger), DeniedError, what="a stranger's webhook")
            return
        raise Cannot("leave webhooks out: this system sends them")


def _refused(case: Case, request: WebhookRequest) -> bool:
    try:
        case.adapter.hints(request)
    except DeniedError:
        return True
    return False


def _forged(good: WebhookRequest, other: WebhookRequest) -> Iterator[WebhookRequest]:
    """The same request with one thing not as it was signed."""
    yield WebhookRequest(good.headers, other.body)
    yield WebhookRequest(good.headers, good.body + b" ")
    yield WebhookRequest(good.headers, b"")
    yield WebhookRequest(good.headers, good.body.replace(b"1", b"2", 1) if b"1" in good.body else good.body[:-1])
    signed = [name for name, value in good.headers.items() if other.headers.get(name) != value]
    for name in signed:
        value = good.headers[name]
        for wrong in (value[:-1], value + "0", value[::-1], "ü", "sha256=", "sha256=" + "0" * 64):
            yield WebhookRequest({**good.headers, name: wrong}, good.body)
