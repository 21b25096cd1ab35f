"""A question's words as the blind index knows them."""

from staithe.kernel.vocabulary import TenantId
from staithe.keys.client.terms import TermKeys
from staithe.vectors.model.tokenizer import TextTokenizer
from staithe.vectors.terms import Terms, blind, question_weights


class BlindQuestions:
    """Under the tenants' term keys, with the model's vocabulary for how rare a word is."""

    def __init__(self, keys: TermKeys, tokenizer: TextTokenizer) -> None:
        self._keys, self._tokenizer = keys, tokenizer

    def terms(self, tenant_id: TenantId, question: str) -> Terms:
        """None when the question has no word that carries meaning; blocks and raises as TermKeys does."""
        weights = question_weights(question, self._tokenizer.rank)
        return blind(weights, self._keys.key(tenant_id)) if weights else {}
