"""What can be found, most harmful first: where findings meet, the earlier in this list wins. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Group(StrEnum):
    """What kind of harm an entity does when it is seen."""

    CREDENTIAL = "credential"
    """Opens something."""
    IDENTIFIER = "identifier"
    """Names one person or account by itself."""
    ATTRIBUTE = "attribute"
    """Says something of a person, or narrows down who is meant."""
    ORDINARY = "ordinary"
    """Found for those who want it; ordinary text is full of it."""


ENTITIES: Final[Mapping[str, Group]] = {
    "PRIVATE_KEY": Group.CREDENTIAL,
    "SECRET": Group.CREDENTIAL,
    "CARD": Group.IDENTIFIER,
    "IBAN": Group.IDENTIFIER,
    "CRYPTO_WALLET": Group.IDENTIFIER,
    "NATIONAL_ID": Group.IDENTIFIER,
    "TAX_ID": Group.IDENTIFIER,
    "HEALTH_ID": Group.IDENTIFIER,
    "PASSPORT": Group.IDENTIFIER,
    "DRIVING_LICENCE": Group.IDENTIFIER,
    "BANK_ACCOUNT": Group.IDENTIFIER,
    "VEHICLE_ID": Group.IDENTIFIER,
    "EMAIL": Group.IDENTIFIER,
    "IP": Group.IDENTIFIER,
    "MAC": Group.IDENTIFIER,
    "PHONE": Group.IDENTIFIER,
    "USERNAME": Group.IDENTIFIER,
    "PERSON": Group.IDENTIFIER,
    "GEO": Group.ATTRIBUTE,
    "DATE_OF_BIRTH": Group.ATTRIBUTE,
    "ADDRESS": Group.ATTRIBUTE,
    "POSTCODE": Group.ATTRIBUTE,
    "AGE": Group.ATTRIBUTE,
    "BIC": Group.ORDINARY,
    "URL": Group.ORDINARY,
    "DATE": Group.ORDINARY,
    "LOCATION": Group.ORDINARY,
    "ORGANIZATION": Group.ORDINARY,
}
