"""Limits: every one named with a reason, and those that depend on each other agree."""

import ast
from pathlib import Path

import kernel_samples

from staithe.kernel import limits
from staithe.kernel.codec import HEADER_BYTES
from staithe.kernel.crypto.sealing import OVERHEAD_BYTES
from staithe.kernel.topology import load_topology


def names() -> list[str]:
    return [name for name in vars(limits) if name.isupper()]


def test_every_limit_is_a_positive_bound_with_its_unit() -> None:
    assert len(names()) >= 10
    for name in names():
        assert name.endswith("_MAX") or name in ("BATCH_WAIT_SECONDS", "DEAD_LETTER_OVERHEAD_BYTES")
        assert vars(limits)[name] > 0


def test_every_limit_has_a_reason_beside_it() -> None:
    body = ast.parse(Path(limits.__file__).read_text()).body
    without = [
        ast.unparse(one.target)
        for one, following in zip(body, [*body[1:], None], strict=True)
        if isinstance(one, ast.AnnAssign)
        and not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant))
    ]
    assert without == ["SOURCE_CHARACTERS_MAX"], "its reason is that of NAME_CHARACTERS_MAX above it"


def test_what_contains_is_larger_than_what_it_contains() -> None:
    assert limits.DOCUMENT_BYTES_MAX < limits.HTTP_BODY_BYTES_MAX
    assert limits.TOKEN_BYTES_MAX < limits.HTTP_HEADER_BYTES_MAX


def test_map_and_code_agree_on_the_largest_record() -> None:
    assert load_topology(kernel_samples.TOPOLOGY).limits.record_bytes_max == limits.RECORD_BYTES_MAX


def test_dead_letter_of_the_largest_record_fits_its_topic() -> None:
    assert HEADER_BYTES + OVERHEAD_BYTES + 4 + 8192 < limits.DEAD_LETTER_OVERHEAD_BYTES
