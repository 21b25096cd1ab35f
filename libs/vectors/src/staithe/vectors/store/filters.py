"""Filters as typed trees, and the one place that turns a tree into a Milvus expression.

No caller ever joins strings: a value reaches an expression only through `_literal`. The grammar is Milvus's
Plan.g4; string literals follow Go's strconv.Unquote on the server and a C-like reader in Milvus Lite, and the
escapes used here are those that both read alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from staithe.kernel.errors import InvalidEvent
from staithe.kernel.vocabulary import DocumentId, TenantId, Tier
from staithe.vectors.store import limits
from staithe.vectors.store.rows import EVERYBODY, GROUP_SLOTS, NO_GROUP, NUMBER_MAX


class Field(StrEnum):
    """The columns a filter may name. Nothing else is ever written as a name."""

    CHUNK_ID = "chunk_id"
    TENANT_ID = "tenant_id"
    DOCUMENT_ID = "document_id"
    DOCUMENT_VERSION = "document_version"
    ORDINAL = "ordinal"
    TIER = "tier"
    GROUPS = "groups"
    CLASSIFICATION = "classification"
    RETENTION_UNTIL = "retention_until"


_TEXT: Final = frozenset({Field.CHUNK_ID, Field.TENANT_ID, Field.DOCUMENT_ID, Field.CLASSIFICATION})
_NUMBER: Final = frozenset({Field.DOCUMENT_VERSION, Field.ORDINAL, Field.TIER, Field.RETENTION_UNTIL})
_LIST: Final = frozenset({Field.GROUPS})


@dataclass(frozen=True, slots=True)
class Equals:
    """The column holds exactly `value`."""

    field: Field
    value: str | int


@dataclass(frozen=True, slots=True)
class AtMost:
    """The number in the column is `value` or less."""

    field: Field
    value: int


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The number in the column is `value` or more."""

    field: Field
    value: int


@dataclass(frozen=True, slots=True)
class Between:
    """The text in the column is `low` or more and less than `high`, compared byte by byte."""

    field: Field
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The column holds one of `values`, of which there is at least one."""

    field: Field
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The column holds none of `values`, of which there is at least one."""

    field: Field
    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ContainsAny:
    """The document has at least one of the groups `values`, of which there is at least one."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; there is at least one part, so that no filter means everything by accident."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; there is at least one part."""

    parts: "tuple[Filter, ...]"


Filter = Equals | AtMost | AtLeast | Between | AnyOf | NoneOf | ContainsAny | And | Or


def permitted(tenant_id: TenantId, tier: Tier, groups: Iterable[str]) -> Filter:
    """What a caller of `tenant_id` with `tier` and `groups` may see; all three come from a verified token."""
    return And(
        (
            Equals(Field.TENANT_ID, tenant_id),
            AtMost(Field.TIER, int(tier)),
            ContainsAny(Field.GROUPS, (EVERYBODY, *sorted(set(groups) - {EVERYBODY, NO_GROUP}))),
        )
    )


def document(tenant_id: TenantId, document_id: DocumentId) -> Filter:
    """Every chunk of every version of one document."""
    return And((Equals(Field.TENANT_ID, tenant_id), Equals(Field.DOCUMENT_ID, document_id)))


def render(tree: Filter) -> str:
    """`tree` as a Milvus expression; raises InvalidEvent when a value or the tree is beyond its limit."""
    nodes = 0

    def visit(node: Filter, depth: int) -> str:
        nonlocal nodes
        nodes += 1
        if nodes > limits.FILTER_NODES_MAX or depth > limits.FILTER_DEPTH_MAX:
            raise InvalidEvent("the filter is too large or too deep", reason_code="FILTER_TOO_LARGE")
        if isinstance(node, And | Or):
            if not node.parts:
                raise InvalidEvent("a filter has no parts", reason_code="FILTER_EMPTY")
            joint = " and " if isinstance(node, And) else " or "
            return "(" + joint.join(visit(part, depth + 1) for part in node.parts) + ")"
        return _term(node)

    return visit(tree, 1)


def _term(node: Equals | AtMost | AtLeast | Between | AnyOf | NoneOf | ContainsAny) -> str:
    match node:
        case Equals(field, value):
            return f"{_name(field, _TEXT | _NUMBER)} == {_literal(field, value)}"
        case AtMost(field, value) | AtLeast(field, value):
            sign = "<=" if isinstance(node, AtMost) else ">="
            return f"{_name(field, _NUMBER)} {sign} {_literal(field, value)}"
        case Between(field, low, high):
            name = _name(field, _TEXT)
            return f"({name} >= {_literal(field, low)} and {name} < {_literal(field, high)})"
        case AnyOf(field, values):
            return f"{_name(field, _TEXT | _NUMBER)} in {_literals(field, values)}"
        case NoneOf(field, values):
            return f"{_name(field, _TEXT | _NUMBER)} not in {_literals(field, values)}"
        case ContainsAny(field, values):
            return _in_any_slot(field, values)


def _in_any_slot(field: Field, values: tuple[str, ...]) -> str:
    _name(field, _LIST)
    if NO_GROUP in values or not 0 < len(values) <= limits.CALLER_GROUPS_MAX:
        raise InvalidEvent(
            f"a filter must name 1 to {limits.CALLER_GROUPS_MAX} groups, none of them empty",
            reason_code="FILTER_TOO_LARGE",
        )
    terms = [f"{GROUP_SLOTS[0]} == {_quoted(field, EVERYBODY)}"] if EVERYBODY in values else []
    if named := tuple(value for value in values if value != EVERYBODY):
        literals = _literals(field, named)
        terms += [f"{slot} in {literals}" for slot in GROUP_SLOTS]
    return "(" + " or ".join(terms) + ")"


def _name(field: Field, allowed: frozenset[Field]) -> str:
    """The column's name out of the enumeration itself, so that a string posing as a Field never gets through."""
    if not isinstance(field, Field) or field not in allowed:
        raise InvalidEvent("this filter cannot use that column", reason_code="FILTER_FIELD_REFUSED")
    return field.value


def _literals(field: Field, values: tuple[str, ...] | tuple[str | int, ...]) -> str:
    if not 0 < len(values) <= limits.FILTER_VALUES_MAX:
        raise InvalidEvent(
            f"a list in a filter must have 1 to {limits.FILTER_VALUES_MAX} values", reason_code="FILTER_TOO_LARGE"
        )
    return "[" + ", ".join(_literal(field, value) for value in values) + "]"


def _literal(field: Field, value: str | int) -> str:
    """`value` as a literal that both servers read back as exactly `value`."""
    if field in _NUMBER:
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > NUMBER_MAX:
            raise InvalidEvent(f"{field} compares with whole numbers", reason_code="FILTER_VALUE_REFUSED")
        return str(value)
    if not isinstance(value, str):
        raise InvalidEvent(f"{field} compares with text", reason_code="FILTER_VALUE_REFUSED")
    return _quoted(field, value)


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(field: Field, value: str) -> str:
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidEvent(f"{field} compares with Unicode text", reason_code="FILTER_VALUE_REFUSED") from error
    if size > limits.FILTER_STRING_BYTES_MAX or "\0" in value:
        raise InvalidEvent(
            f"{field} compares with at most {limits.FILTER_STRING_BYTES_MAX} bytes without NUL",
            reason_code="FILTER_VALUE_REFUSED",
        )
    return '"' + "".join(_ESCAPES.get(character, character) for character in value) + '"'
