"""Phone numbers: canonical E.164 where a number can be understood, the trimmed text unchanged where it cannot."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from connector.errors import NoImageError
from connector.mapping.codecs import Codec, Paired, Plain, read_beside
from connector.mapping.countries import alpha2
from connector.mapping.located import Reader
from connector.mapping.numbers import shown
from connector.mapping.texts import check_text, read_text

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber
from connector.model.entities import Field

FORMATS = ("international", "e164", "national", "as_is")


def _region(raw: Any) -> str | None:
    return alpha2(raw) if isinstance(raw, str) and raw.strip() else None


@lru_cache(maxsize=4096)
def normal(text: str, region: str | None) -> str:
    """E.164, with `;ext=N` for an extension; the text itself when it is no possible number.

    A number without country code is understood with the region, never guessed without one. Numbers spelled with
    letters stay as they are: their digits would not lead back to the word.
    """
    found = _e164(text, region)
    # Rules of some countries drop zeros again and again; what is no fixed point is not understood.
    return text if found is None or not _stable(found) else found


@lru_cache(maxsize=4096)
def _stable(found: str) -> bool:
    return _e164(found, None) == found


@lru_cache(maxsize=4096)
def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    """The number as the library understands it; kept, for every number is looked at once in each direction."""
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _e164(text: str, region: str | None) -> str | None:
    import phonenumbers

    if phonenumbers.is_alpha_number(text):
        return None
    number = _parsed(text, region)
    if number is None:
        return None
    # A number that is complete only within one town would be given a country it cannot be reached in.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


@lru_cache(maxsize=4096)
def written(canonical: str, form: str, region: str | None) -> str:
    """The number as a system wants it; always one that reads back as the same number."""
    import phonenumbers

    if form == "as_is" or not canonical.startswith("+"):
        return canonical
    if form == "e164":
        if ";ext=" in canonical:
            raise NoImageError(f"E.164 has no place for the extension of {shown(canonical)}")
        return canonical
    number = _parsed(canonical, None)
    if number is None:
        return canonical
    forms = phonenumbers.PhoneNumberFormat
    if form == "national" and region is not None:
        short = phonenumbers.format_number(number, forms.NATIONAL)
        if normal(short, region) == canonical:
            return str(short)
    full = str(phonenumbers.format_number(number, forms.INTERNATIONAL))
    return full if normal(full, None) == canonical else canonical


def phone(options: Reader, field: Field) -> Codec:
    """A phone number. country: where a number without country code belongs (a system field, or `=DE`).

    format: `international` (+49 30 123456), `e164` (+4930123456), `national` (030 123456 where the country is known,
    international otherwise), `as_is`.
    """
    form = options.choice("format", FORMATS, "international") or "international"
    beside = read_beside(options, "country", required=False)
    if beside is not None and beside.kind == "constant" and alpha2(beside.name) is None:
        options.problem("country", f"`={beside.name}`", "a country code such as `=DE`")

    def decode(value: Any, raw_country: Any) -> str | None:
        text = read_text(value)
        return None if text is None else normal(text, _region(raw_country))

    def encode(value: Any, raw_country: Any) -> str | None:
        text = check_text(value)
        return written(text, form, _region(raw_country)) if text else None

    if beside is None:
        return Plain(lambda value: decode(value, None), lambda value: encode(value, None))
    return Paired(decode, encode, beside)
