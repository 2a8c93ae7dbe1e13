"""Countries: canonical ISO 3166 alpha-2, whatever form a system shows. Unknown text is held, never dropped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import Plain
from connector.mapping.located import Reader
from connector.mapping.numbers import shown
from connector.mapping.texts import read_text
from connector.model.entities import Field

FORMATS = ("alpha2", "alpha3", "numeric", "name")

# Written by people and systems, in no list of names. XK is the EU's code for Kosovo, outside ISO 3166.
_ALSO: Mapping[str, str] = {"uk": "GB", "el": "GR", "great britain": "GB", "usa": "US", "holland": "NL", "xkx": "XK"}


@lru_cache(maxsize=1)
def _codes() -> Mapping[str, tuple[str, str]]:
    """alpha-2 -> (alpha-3, numeric)."""
    import pycountry

    codes = {country.alpha_2: (country.alpha_3, country.numeric) for country in pycountry.countries}
    return {**codes, "XK": ("XKX", "")}


@lru_cache(maxsize=32)
def names(locale: str) -> Mapping[str, str]:
    """alpha-2 -> the country's name in this language (CLDR). Raises ValueError for an unknown language."""
    from babel import Locale, UnknownLocaleError

    try:
        territories = Locale.parse(locale).territories
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(locale) from None
    return {code: territories[code] for code in _codes() if code in territories}


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace(".", "").replace("’", "'").split())


@lru_cache(maxsize=32)
def _forms(locale: str) -> Mapping[str, str]:
    """Every known form, folded -> alpha-2. What is listed later wins: codes over names, this language over others."""
    import pycountry

    forms: dict[str, str] = {}
    for country in pycountry.countries:
        for attribute in ("official_name", "name", "common_name"):
            if hasattr(country, attribute):
                forms[_folded(getattr(country, attribute))] = country.alpha_2
    for language in ("en", locale):
        forms.update({_folded(name): code for code, name in names(language).items()})
    forms.update(_ALSO)
    for code, (alpha3, numeric) in _codes().items():
        forms.update({alpha3.casefold(): code, code.casefold(): code})
        if numeric:
            forms[numeric] = code
    return forms


@lru_cache(maxsize=4096)
def alpha2(text: str, locale: str = "en") -> str | None:
    """The alpha-2 code of a code or name in any form; None when it is no country."""
    folded = _folded(text)
    return _forms(locale).get(folded.zfill(3) if folded.isdecimal() else folded)


def _write(code: str, form: str, locale: str) -> str:
    if form == "alpha2":
        return code
    if form == "name":
        return names(locale).get(code, code)
    return _codes()[code][0 if form == "alpha3" else 1]


def country(options: Reader, field: Field) -> Plain:
    """A country. format: name, alpha2, alpha3 or numeric, as this system writes it. locale: language of names.

    names: this system's own name for a code, such as `{US: U.S.A.}`. Any form is read.
    """
    form = options.choice("format", FORMATS, "alpha2") or "alpha2"
    locale = _read_locale(options)
    own = _read_names(options)
    reverse = {_folded(name): code for code, name in own.items()}

    def decode(value: Any) -> str | None:
        text = read_text(value)
        if text is None:
            return None
        code = reverse.get(_folded(text)) or alpha2(text, locale)
        if code is None:
            raise NoImageError(f"{shown(text)} is not a country")
        return code

    @lru_cache(maxsize=512)
    def encode_code(code: str) -> str:
        if code not in _codes():
            raise NoImageError(f"{shown(code)} is not an ISO 3166 country code")
        written = own.get(code) or _write(code, form, locale)
        if not written or decode(written) != code:
            raise NoImageError(f"country {code} has no {form} form here")
        return written

    def encode(value: Any) -> str:
        if type(value) is not str:
            raise NoImageError(f"{shown(value)} is not a country code")
        return encode_code(value)

    return Plain(decode, encode)


def _read_locale(options: Reader) -> str:
    locale = options.text("locale", "en") or "en"
    if locale == "en":  # known without loading any names
        return locale
    try:
        names(locale)
    except ValueError:
        options.problem("locale", f"`{locale}`", "a language code such as `en`, `de` or `pt_BR`")
        return "en"
    return locale


def _read_names(options: Reader) -> Mapping[str, str]:
    own: dict[str, str] = {}
    for code, node in options.entries("names"):
        if code not in _codes():
            options.document.problem(node, f"`{code}`", "an ISO 3166 alpha-2 code in upper case", alpha2(code))
            continue
        name = options.as_text(node, "the name of a country")
        if name:
            own[code] = name
    return own
