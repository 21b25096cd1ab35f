"""The policy: strict, first match wins, unknown entities masked, one digest for one meaning."""

from pathlib import Path
from typing import Any

import pytest

from staithe.kernel.errors import ConfigurationError
from staithe.kernel.vocabulary import Classification, Tier
from staithe.sanitization.detect import ENTITIES
from staithe.sanitization.policy import Action, DocumentLabels, Policy, Verdict, verdict_of
from staithe.sanitization.policy_file import POLICY_BYTES_MAX, load_policy, parse_policy

STANDARD = Path(__file__).parents[3] / "policies" / "sanitization.yaml"
OFFICE, ANALYTICS = DocumentLabels("harbour"), DocumentLabels("harbour", tier=Tier.ANALYTICS)


def policy(*rules: dict[str, Any], **more: Any) -> Policy:
    named = [{"id": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    return Policy.model_validate({"version": 1, "name": "test", "entities": named, **more})


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        parse_policy(text.encode(), "the policy")
    assert refused.value.reason_code == "POLICY_INVALID"
    return refused.value.message


HEAD = "version: 1\nname: test\n"
TYPES = HEAD + "entities: []\ncontent_types: "


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "top level"),
        ("[]", "top level"),
        ("a: [", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("&a [*a]", ""),
        (HEAD, "entities"),
        (HEAD.replace("1", "2") + "entities: []", "version"),
        (HEAD + "entities: []\nrules: []", "rules"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: mask, teirs: [OFFICE]}]", "teirs"),
        (HEAD + "entities: [{id: a, when: {tier: [OFFICE]}, entities: [EMAIL], action: mask}]", "when.tier"),
        (HEAD + "entities: [{id: a, when: {tiers: [BASEMENT]}, entities: [EMAIL], action: mask}]", "tiers"),
        (HEAD + "entities: [{id: a, entities: [email], action: mask}]", "UPPER_SNAKE"),
        (HEAD + "entities: [{id: a, entities: [], action: mask}]", "entities"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: erase}]", "action"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: mask, min_score: 1.5}]", "min_score"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: quarantine}]", "reason_code"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: mask, reason_code: WHY}]", "reason_code"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: block, reason_code: why}]", "UPPER_SNAKE"),
        (HEAD + "entities: [{id: Default, entities: [EMAIL], action: mask}]", "rule id"),
        (HEAD + "entities: [{id: default, entities: [EMAIL], action: mask}]", "rule id"),
        (HEAD + "entities: [{id: a, entities: [EMAIL], action: mask}, {id: a, entities: [IP], action: mask}]", "id a"),
        (HEAD + "entities: [{id: a, id: b, entities: [EMAIL], action: mask}]", "twice"),
        (HEAD + "entities: []\nsignals: [{id: a, signal: X_Y, at_least: 0, action: keep}]", "at_least"),
        (HEAD + "entities: []\nsignals: [{id: a, signal: X_Y, at_least: 1, action: mask}]", "action"),
        (TYPES + "[{id: a, allow: [], action: block, reason_code: T_N}]", "allow"),
        (TYPES + "[{id: a, allow: [text/html], action: block}]", "reason_code"),
        (TYPES + "[{id: a, allow: [text/html], action: keep}]", "action"),
        (TYPES + "[{id: a, allow: [text/html], action: mask}]", "action"),
        (TYPES + "[{id: a, action: block, reason_code: T_N}]", "allow"),
        (TYPES + "[{id: a, allow: text/html, action: block, reason_code: T_N}]", "allow"),
        (TYPES + "[{id: a, allow: [pdf], action: block, reason_code: T_N}]", "content type"),
        (TYPES + "[{id: a, allow: [Text/HTML], action: block, reason_code: T_N}]", "content type"),
        (TYPES + "[{id: a, allow: ['text/html; charset=utf-8'], action: block, reason_code: T_N}]", "content type"),
        (TYPES + "[{id: a, allow: ['*'], action: block, reason_code: T_N}]", "content type"),
        (TYPES + "[{id: a, allow: [text/html], deny: [], action: block, reason_code: T_N}]", "deny"),
        (TYPES + "[{id: a, when: {source: [x]}, allow: [text/html], action: block, reason_code: T_N}]", "when.source"),
        (
            TYPES + "[{id: a, allow: [text/html], action: block, reason_code: T_N}, "
            "{id: a, allow: [text/csv], action: block, reason_code: T_N}]",
            "id a",
        ),
    ],
)
def test_faulty_policy_is_refused_with_the_place_of_its_fault(text: str, says: str) -> None:
    message = refusal(text)
    assert message.startswith("the policy")
    assert says in message


@pytest.mark.parametrize("content", [None, b" " * (POLICY_BYTES_MAX + 1)])
def test_missing_or_huge_policy_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_policy(path)


def test_first_rule_that_fits_decides() -> None:
    rules = policy({"entities": ["EMAIL"], "action": "keep"}, {"entities": ["*"], "action": "drop"})
    ruling = rules.ruling_for(OFFICE)
    assert ruling.on_finding("EMAIL", 1.0).action is Action.KEEP
    assert (ruling.on_finding("PHONE", 1.0).action, ruling.on_finding("PHONE", 1.0).rule) == (Action.DROP, "rule-1")


def test_entity_that_no_rule_names_is_masked() -> None:
    decision = policy().ruling_for(OFFICE).on_finding("NEVER_HEARD_OF", 0.1)
    assert (decision.rule, decision.action) == ("default", Action.MASK)


def test_rule_waits_for_enough_confidence() -> None:
    ruling = policy({"entities": ["PERSON"], "min_score": 0.8, "action": "drop"}).ruling_for(OFFICE)
    assert ruling.on_finding("PERSON", 0.8).action is Action.DROP
    assert ruling.on_finding("PERSON", 0.79).action is Action.MASK


@pytest.mark.parametrize(
    ("when", "labels"),
    [
        ({"tenants": ["millrace"]}, DocumentLabels("millrace")),
        ({"sources": ["wiki"]}, DocumentLabels("harbour", source="wiki")),
        ({"tiers": ["ANALYTICS"]}, ANALYTICS),
        ({"classifications": ["PUBLIC"]}, DocumentLabels("harbour", classification=Classification.PUBLIC)),
    ],
)
def test_rule_holds_only_for_the_documents_it_names(when: dict[str, Any], labels: DocumentLabels) -> None:
    rules = policy({"when": when, "entities": ["EMAIL"], "action": "drop"})
    assert rules.ruling_for(labels).on_finding("EMAIL", 1.0).action is Action.DROP
    assert rules.ruling_for(OFFICE).on_finding("EMAIL", 1.0).action is Action.MASK


def test_every_condition_of_a_rule_must_hold() -> None:
    when = {"tiers": ["ANALYTICS"], "tenants": ["millrace"]}
    rules = policy({"when": when, "entities": ["EMAIL"], "action": "drop"})
    assert rules.ruling_for(ANALYTICS).on_finding("EMAIL", 1.0).action is Action.MASK


def test_signal_is_judged_by_the_first_rule_it_reaches() -> None:
    signals = [
        {"id": "high", "signal": "SCORE", "at_least": 0.9, "action": "block", "reason_code": "HIGH"},
        {"id": "low", "signal": "SCORE", "at_least": 0.5, "action": "quarantine", "reason_code": "LOW"},
    ]
    ruling = policy(signals=signals).ruling_for(OFFICE)
    assert verdict_of(ruling.on_signals({"SCORE": 0.95})) is Verdict.BLOCK
    assert verdict_of(ruling.on_signals({"SCORE": 0.5})) is Verdict.QUARANTINE
    assert verdict_of(ruling.on_signals({"SCORE": 0.49})) is Verdict.PASS
    assert verdict_of(ruling.on_signals({})) is Verdict.PASS


MAIL = {"id": "mail", "when": {"sources": ["mailbox"]}, "allow": ["message/rfc822"], "action": "block",
        "reason_code": "NO_MAIL"}  # fmt: skip
PDF = {"id": "pdf", "allow": ["application/pdf"], "action": "quarantine", "reason_code": "NO_PDF"}


@pytest.mark.parametrize(
    ("source", "content_type", "reasons"),
    [
        ("mailbox", "message/rfc822", []), ("mailbox", "application/pdf", ["NO_MAIL"]), ("mailbox", "", ["NO_MAIL"]),
        ("wiki", "application/pdf", []), ("wiki", "text/html", ["NO_PDF"]), ("", "message/rfc822", ["NO_PDF"]),
        ("mailbox", "message/rfc822; charset=utf-8", ["NO_MAIL"]), ("wiki", "APPLICATION/PDF", ["NO_PDF"]),
    ],
)  # fmt: skip
def test_first_rule_for_a_source_says_which_types_it_may_bring(
    source: str, content_type: str, reasons: list[str]
) -> None:
    ruling = policy(content_types=[MAIL, PDF]).ruling_for(DocumentLabels("harbour", source=source))
    assert [each.reason_code for each in ruling.on_content_type(content_type)] == reasons


def test_without_a_rule_every_type_passes() -> None:
    assert policy().ruling_for(OFFICE).on_content_type("text/html") == ()
    assert policy(content_types=[MAIL]).ruling_for(OFFICE).on_content_type("text/html") == ()


@pytest.mark.parametrize(
    ("source", "signals", "reason"),
    [
        ("wiki", {"HIDDEN_CHARACTERS": 200}, "HIDDEN_TEXT"), ("wiki", {"HIDDEN_CHARACTERS": 199}, None),
        ("wiki", {"FAINT_CHARACTERS": 20}, "FAINT_TEXT"), ("wiki", {"FAINT_CHARACTERS": 19}, None),
        ("scanner", {"FAINT_CHARACTERS": 9_000}, None), ("scanner", {"HIDDEN_CHARACTERS": 200}, "HIDDEN_TEXT"),
    ],
)  # fmt: skip
def test_standard_policy_holds_what_hides_text(source: str, signals: dict[str, float], reason: str | None) -> None:
    decisions = load_policy(STANDARD).ruling_for(DocumentLabels("harbour", source=source)).on_signals(signals)
    assert [each.reason_code for each in decisions if each.reason_code] == ([reason] if reason else [])


def test_digest_names_the_meaning_and_not_the_spelling() -> None:
    plain = b"{version: 1, name: x, entities: [{id: a, entities: [EMAIL], action: mask}]}"
    spelt = (
        b"# why\nname: x\nentities:\n- {action: mask, entities: [EMAIL], id: a, min_score: 0.0, when: {}}\nversion: 1\n"
    )
    assert parse_policy(plain, "").digest == parse_policy(spelt, "").digest
    assert parse_policy(plain.replace(b"mask", b"drop"), "").digest != parse_policy(plain, "").digest
    assert len(parse_policy(plain, "").digest) == 32


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("entity", ["EMAIL", "PHONE", "IBAN", "CARD", "SECRET", "NATIONAL_ID", "NEVER_HEARD_OF"])
def test_standard_policy_masks_contact_data_ids_and_secrets_in_every_tier(tier: Tier, entity: str) -> None:
    ruling = load_policy(STANDARD).ruling_for(DocumentLabels("harbour", tier=tier))
    assert ruling.on_finding(entity, 1.0).action is Action.MASK


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("entity", sorted({*ENTITIES, "NEVER_HEARD_OF"} - {"BIC"}))
def test_standard_policy_shows_analytics_no_finding_and_nothing_that_leads_back(entity: str, score: float) -> None:
    ruling = load_policy(STANDARD).ruling_for(ANALYTICS)
    assert ruling.on_finding(entity, score).action in (Action.MASK, Action.GENERALISE, Action.QUARANTINE)


@pytest.mark.parametrize("classification", list(Classification))
@pytest.mark.parametrize("source", ["", "wiki", "mailbox", "scanner"])
def test_no_other_label_lets_tier_two_see_more(classification: Classification, source: str) -> None:
    labels = DocumentLabels("millrace", source, Tier.ANALYTICS, classification)
    assert load_policy(STANDARD).ruling_for(labels).entities == load_policy(STANDARD).ruling_for(ANALYTICS).entities


@pytest.mark.parametrize("tier", [Tier.OFFICE, Tier.ENGINEERING])
def test_standard_policy_keeps_names_elsewhere(tier: Tier) -> None:
    ruling = load_policy(STANDARD).ruling_for(DocumentLabels("harbour", tier=tier))
    assert ruling.on_finding("PERSON", 0.5).action is Action.KEEP
