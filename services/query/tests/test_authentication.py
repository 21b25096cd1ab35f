"""How strongly callers must have signed in: what a token does not say is not met."""

from pathlib import Path
from typing import Any

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.query.authentication import AuthenticationPolicy, load_authentication

ROOT = Path(__file__).parents[3]
STRONG: dict[str, Any] = {
    "tenant": "harbour", "tier": 3, "acr": "aal2", "amr": ["pwd", "otp"], "device_compliant": True,
}  # fmt: skip
WAY: dict[str, Any] = {"acr": ["aal2", "aal3"], "amr": ["otp"], "claims": {"device_compliant": [True]}}


def policy(*ways: dict[str, Any], **scope: Any) -> AuthenticationPolicy:
    return AuthenticationPolicy.model_validate({"rules": [{"id": "rule", "any_of": list(ways or [WAY]), **scope}]})


def is_met(checked: AuthenticationPolicy, **changed: Any) -> bool:
    claims = {name: value for name, value in {**STRONG, **changed}.items() if value is not ...}
    return checked.unmet(claims) is None


def test_everything_of_one_way_is_enough() -> None:
    assert is_met(policy())
    assert is_met(policy({"bound": True}, WAY))
    assert is_met(policy({"bound": True}), cnf={"x5t#S256": "t"})
    assert is_met(policy({"amr": ["otp", "pwd"]}))


@pytest.mark.parametrize(
    "changed",
    [
        {"acr": "aal1"}, {"acr": ...}, {"acr": ""}, {"acr": "AAL2"}, {"acr": ["aal2"]}, {"acr": 2}, {"acr": None},
        {"acr": "aal2 "}, {"amr": ...}, {"amr": []}, {"amr": ["pwd"]}, {"amr": "otp"}, {"amr": {"otp": 1}},
        {"amr": [["otp"]]}, {"amr": None}, {"amr": ["OTP"]}, {"amr": "pwd otp"}, {"device_compliant": ...},
        {"device_compliant": False}, {"device_compliant": "true"}, {"device_compliant": 1},
        {"device_compliant": [True]}, {"device_compliant": None},
    ],
)  # fmt: skip
def test_anything_missing_weaker_or_of_another_type_is_not(changed: dict[str, Any]) -> None:
    assert not is_met(policy(), **changed)


def test_strong_person_does_not_have_a_bound_token() -> None:
    assert not is_met(policy({"bound": True}))


@pytest.mark.parametrize(
    ("scope", "claims", "concerned"),
    [
        ({}, {}, True), ({"tiers": [3]}, {}, True), ({"tiers": [3]}, {"tier": 2}, False),
        ({"tiers": [1, 2]}, {}, False), ({"tenants": ["harbour"]}, {}, True), ({"tenants": ["millrace"]}, {}, False),
        ({"tenants": ["harbour"], "tiers": [3]}, {"tenant": "millrace"}, False),
        # Who cannot be placed falls under the rule.
        ({"tiers": [3]}, {"tier": "1"}, True), ({"tiers": [3]}, {"tier": ...}, True),
        ({"tiers": [3]}, {"tier": True}, True),
        ({"tenants": ["harbour"]}, {"tenant": ["millrace"]}, True), ({"tenants": ["harbour"]}, {"tenant": ...}, True),
    ],
)  # fmt: skip
def test_rule_concerns_its_tenants_and_tiers(scope: Any, claims: dict[str, Any], concerned: bool) -> None:
    assert is_met(policy(**scope), acr="aal1", **claims) is not concerned


def test_every_rule_must_be_met() -> None:
    both = AuthenticationPolicy.model_validate(
        {"rules": [{"id": "one", "any_of": [{"amr": ["otp"]}]}, {"id": "two", "any_of": [{"acr": ["aal3"]}]}]}
    )
    unmet = both.unmet(STRONG)
    assert unmet is not None
    assert (unmet.id, unmet.acr_values) == ("two", ("aal3",))
    assert both.unmet({**STRONG, "acr": "aal3"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "rules:", "rules: {}", "rules: [{id: x}]", "rules: [{id: x, any_of: []}]",
        "rules: [{id: x, any_of: [{}]}]", "rules: [{id: x, any_of: [{bound: false}]}]",
        "rules: [{id: x, any_of: [{acr: aal2}]}]", "rules: [{id: x, any_of: [{acr: [2]}]}]",
        "rules: [{id: x, any_of: [{arc: [aal2]}]}]", "rules: [{id: x, any_of: [{claims: {device: []}}]}]",
        "rules: [{id: x, any_of: [{bound: 1}]}]", "rules: [{id: x, tiers: [4], any_of: [{bound: true}]}]",
        "rules: [{id: x, tiers: ['3'], any_of: [{bound: true}]}]", "rules: [{id: X y, any_of: [{bound: true}]}]",
        "rules: [{any_of: [{bound: true}]}]", "rules: [{id: x, tier: [3], any_of: [{bound: true}]}]", "rules: [",
        "\x00",
    ],
)  # fmt: skip
def test_policy_that_may_not_mean_what_it_says_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "authentication.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        load_authentication(file)
    assert refusal.value.reason_code == "AUTHENTICATION_POLICY_INVALID"


def test_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_authentication(tmp_path / "none.yaml")


def test_delivered_policy_asks_for_nothing_and_its_example_is_sound(tmp_path: Path) -> None:
    delivered = ROOT / "policies" / "authentication.yaml"
    assert load_authentication(delivered).rules == ()
    lines = [line[2:] for line in delivered.read_text().splitlines() if line.startswith("#   ")]
    example = tmp_path / "example.yaml"
    example.write_text("rules:\n" + "\n".join(lines) + "\n")
    [rule] = load_authentication(example).rules
    assert not rule.any_of[0].is_met_by({**STRONG, "device_compliant": False})
    assert rule.any_of[0].is_met_by(STRONG)
