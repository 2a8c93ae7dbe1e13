"""Every trouble becomes the one error that says what happens next, and a doubt is never called a failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from connector.errors import ConnectorError, TransientError, UncertainError
from connector.model.records import Write
from connector.testing.contract.case import Case, each_object, failure, fits, raised, sent
from connector.testing.contract.subject import Cannot
from connector.testing.contract.trouble import ASKS_TO_WAIT, UNREADABLE, WAIT, Trouble, expected
from connector.testing.contract.watched import is_one_of


class Fails:
    """Tests of what goes wrong. troubles: which; a system not reached over HTTP names those its subject can make."""

    troubles: ClassVar[Sequence[Trouble]] = tuple(Trouble)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes a trouble runs once for each."""
        if "trouble" in metafunc.fixturenames:
            metafunc.parametrize("trouble", self.troubles, ids=lambda trouble: trouble.name.lower())

    @each_object
    def test_a_read_in_trouble_raises_the_error_that_fits(self, case: Case, trouble: Trouble) -> None:
        _wait_once(case, trouble)
        record = case.created()
        text = str(case.shown(record.key)[case.sample.text])
        adapter = case.adapter
        reads: Mapping[str, Callable[[], Any]] = {
            "changes": lambda: adapter.changes(case.object, None),
            "scan": lambda: adapter.scan(case.object, None),
            "read": lambda: adapter.read(case.object, [record.key]),
            "find": lambda: adapter.find(case.object, case.sample.text, [text]),
        }
        with case.subject.trouble(trouble, write=False):
            for name, go in reads.items():
                before = case.subject.strikes()
                _fits(raised(go), trouble, name, write=False)
                assert before is None or case.subject.strikes() != before, f"{name} met no trouble"
                if trouble is Trouble.SLOW:
                    break  # one wait is enough
        for name, go in reads.items():
            assert raised(go) is None, f"{name} does not work again after the trouble is over"

    @each_object
    def test_a_first_call_in_trouble_raises_the_error_that_fits(self, case: Case, trouble: Trouble) -> None:
        _wait_once(case, trouble)
        adapter = case.open()
        with case.subject.trouble(trouble, write=False):
            _fits(raised(adapter.describe), trouble, "describe", write=False)
        assert case.object in adapter.describe().objects, "the failure was remembered"

    @each_object
    def test_a_create_in_trouble_raises_the_error_that_fits(self, case: Case, trouble: Trouble) -> None:
        _wait_once(case, trouble)
        write = case.creating()
        error = self._write(case, write, trouble)
        made = len(case.named(sent(write, case.sample.text)))
        assert made == (1 if trouble.carried_out and error is not None else made), "the subject made another trouble"
        if error is None:
            assert trouble in UNREADABLE, "the write was in trouble and reported as done"
            assert made == 1, "reported as done, and not there"
        elif not isinstance(error, UncertainError):
            assert made == 0, f"{type(error).__name__} promises that nothing was written"

    @each_object
    def test_an_update_and_a_delete_in_trouble_raise_the_error_that_fits(self, case: Case, trouble: Trouble) -> None:
        _wait_once(case, trouble)
        for write in (case.updating, case.deleting):
            record = case.created()
            condition = record.version if case.can.conditional_write else None
            made = write(record.key, case.change(1), condition) if write == case.updating else None
            error = self._write(case, made or case.deleting(record.key, condition), trouble)
            if error is not None and not isinstance(error, UncertainError):
                assert case.read(record.key) == record, f"{type(error).__name__} promises that nothing was written"
            if trouble is Trouble.SLOW:
                break

    @each_object
    def test_a_batch_whose_answer_is_lost_is_uncertain_as_a_whole(self, case: Case) -> None:
        writes = [case.creating() for _ in range(min(3, case.can.batch_write))]
        with case.subject.trouble(Trouble.LOST, write=True):
            error = raised(lambda: case.write(*writes))
        fits("a batch whose answer was lost", error, UncertainError)
        assert len(case.named(*(sent(write, case.sample.text) for write in writes))) == len(writes)

    @each_object
    def test_check_reports_trouble_and_raises_nothing(self, case: Case, trouble: Trouble) -> None:
        if trouble in (Trouble.SLOW, Trouble.NOT_FOUND, Trouble.MOVED):
            trouble = Trouble.REFUSED  # one wait is enough, and the other two may be an object's own matter
        for adapter in (case.adapter, case.open()):
            with case.subject.trouble(trouble, write=False):
                findings = adapter.check()
            assert findings, "check found nothing to say"
            assert not all(finding.ok for finding in findings), "all is well, says check, and nothing works"

    @each_object
    def test_an_adapter_works_on_after_its_connections_were_closed(self, case: Case) -> None:
        for _ in range(3):
            with case.subject.trouble(Trouble.REFUSED, write=False):
                assert raised(lambda: case.adapter.scan(case.object, None)) is not None
            assert case.created()

    @each_object
    def test_an_answer_in_several_parts_is_whole_or_an_error(self, case: Case) -> None:
        size = max(case.can.batch_read, case.can.page) + 1
        case.may_create(size)
        records = case.create(size)
        keys = [record.key for record in records]
        texts = [str((record.fields or {})[case.sample.text]) for record in records]
        parts: Mapping[str, Callable[[], Sequence[str]]] = {
            "read": lambda: list(case.adapter.read(case.object, keys)),
            "find": lambda: [record.key for record in case.adapter.find(case.object, case.sample.text, texts)],
        }
        for name, go in parts.items():
            with case.subject.trouble(Trouble.BUSY, write=False, after=1):
                try:
                    answer = go()
                except TransientError:
                    continue
            assert sorted(answer) == sorted(keys), f"{name}: a part failed, and the rest was given out as the whole"

    @each_object
    def test_after_idle_connections_were_closed_a_write_is_done_once_or_in_doubt(self, case: Case) -> None:
        for _ in range(5):
            case.created()
            case.subject.drop()
            write = case.creating()
            error = failure(case, write)
            made = len(case.named(sent(write, case.sample.text)))
            if error is None:
                assert made == 1
            elif is_one_of(error, (TransientError,)):
                assert made == 0, "TransientError promises that nothing was written"
            else:
                fits("a write over a closed connection", error, UncertainError)

    def _write(self, case: Case, write: Write, trouble: Trouble) -> ConnectorError | None:
        """The error of a write in trouble, of the call or of its outcome, checked to fit."""
        with case.subject.trouble(trouble, write=True):
            before = case.subject.strikes()
            error = failure(case, write)
        assert before is None or case.subject.strikes() != before, "the write met no trouble: what is a write here?"
        if error is not None or trouble not in UNREADABLE:
            _fits(error, trouble, str(write.op), write=True)
        return error


def _wait_once(case: Case, trouble: Trouble) -> None:
    if trouble is Trouble.SLOW and case.sample is not case.subject.samples[0]:
        raise Cannot(f"wait for {case.object} too: one wait per system is enough")


def _fits(error: ConnectorError | None, trouble: Trouble, name: str, *, write: bool) -> None:
    wanted = expected(trouble, write=write)
    names = " or ".join(kind.__name__ for kind in wanted)
    came = "no error" if error is None else repr(error)
    assert is_one_of(error, wanted), f"{name}, {trouble.value}: {came} came, not {names}"
    if trouble in ASKS_TO_WAIT:
        assert isinstance(error, TransientError)
        assert error.after is not None, f"{name}, {trouble.value}: the wait the system asks for was not heard"
        assert WAIT - 2 <= error.after <= WAIT + 2, f"{name}, {trouble.value}: `after` is {error.after}, not {WAIT}"
