"""Looks at a subject before its first test: what would make every test fail, or pass for nothing, is said once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from connector.errors import ConnectorError
from connector.ports import Description, ObjectSchema
from connector.testing.contract.case import next_number
from connector.testing.contract.lines import pools, too_few
from connector.testing.contract.subject import Sample, Subject
from connector.testing.contract.watched import Broken, Watched

CHANGES = 7
"""Values of a sample's `change`: fewer, and a test would write what is there already."""


def mistake(subject: Subject) -> str | None:
    """The first thing that is wrong with the subject itself, in one sentence; None if nothing is."""
    return next(chain(of_subject(subject), _of_samples(subject)), None)


def of_subject(subject: Subject) -> Iterator[str]:
    """What is wrong with the subject, without asking the system."""
    name = type(subject).__name__
    if hasattr(subject, "troubles"):
        yield (
            f"{name} sets `troubles`, where nobody looks; they belong into the class of the tests: "
            "class TestMine(AdapterContract): troubles = (Trouble.LOST, Trouble.BUSY)"
        )
    samples = getattr(subject, "samples", ())
    if not samples or not isinstance(samples, Sequence) or not all(isinstance(one, Sample) for one in samples):
        yield f"{name} has no `samples`; name at least one object in it: samples = (Sample(...),)"


def _of_samples(subject: Subject) -> Iterator[str]:
    for sample in subject.samples:
        yield from of_sample(sample)
    try:
        with subject.quiet():
            described = _described(subject)
    except (ConnectorError, Broken) as error:
        yield f"describe, the first call, does not work: {error!r}"
        return
    for sample in subject.samples:
        if sample.object not in described.objects:
            there = ", ".join(sorted(described.objects)) or "nothing"
            yield f"`{sample.object}` is not described, and a sample is of it; described are: {there}"
        else:
            yield from _of_fields(sample, described.objects[sample.object])


def _described(subject: Subject) -> Description:
    adapter = Watched(subject.open(), subject.secrets)
    try:
        return adapter.describe()
    finally:
        adapter.close()


def of_sample(sample: Sample) -> Iterator[str]:
    """What is wrong with a sample, without asking the system."""
    first, second = sample.create(next_number()), sample.create(next_number())
    name, values = sample.change
    if sample.text not in first:
        yield f"`create` of {sample.object} leaves `{sample.text}` out, which is its `text`"
    elif first[sample.text] == second[sample.text]:
        yield (
            f"`create` of {sample.object} gives `{sample.text}` as {first[sample.text]!r} whatever its number is; "
            "put the number into it, so that each record can be told from the others"
        )
    different = {str(value) for value in values}
    if len(different) < CHANGES:
        yield (
            f"`change` of {sample.object} has {len(different)} different values of `{name}` and needs {CHANGES}; "
            "with fewer, a test writes what is there already"
        )
    if str(first.get(name)) in different:
        yield (
            f"`change` of {sample.object} has the value {first.get(name)!r} that `create` gives `{name}`; "
            "it would change nothing"
        )
    few = too_few(sample, pools(sample))
    if few is not None:
        yield few


def _of_fields(sample: Sample, known: ObjectSchema) -> Iterator[str]:
    for name in (sample.text, sample.change[0]):
        if name not in known.fields:
            yield f"`{name}` of the sample is not described; {sample.object} has: {', '.join(sorted(known.fields))}"
    written = pools(sample)
    for name, field in known.fields.items():
        if field.lines and field.writable and name not in written:
            yield (
                f"`{sample.object}.{name}` holds lines and the sample writes none; "
                "give `create` or `kept` at least two that differ, or nobody notices one that is lost"
            )
