"""Chat completions as OpenAI's clients send and read them (API reference, "Chat completions" and "Models").

What would change the answer and cannot be done is refused; what could not change a quotation is taken and ignored.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from staithe.query.http.models import AnswerResponse
from staithe.query.http.shapes import Strict
from staithe.query.limits import CHAT_MESSAGES_MAX, CHAT_PARTS_MAX

IGNORED: Final = "Ignored."
NO_TOOLS: Final = "No tools: must be empty or absent."
MODEL_CHARACTERS_MAX: Final = 128


class _Lenient(BaseModel):
    """Members that are not named here are not read."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class TextPart(_Lenient):
    """A piece of a message's text. Images, sound and files are refused in the question."""

    type: Literal["text"]
    text: str


class OtherPart(_Lenient):
    """A piece of an earlier message that is not read."""

    type: str


class ChatMessage(_Lenient):
    """A message of the conversation. The last one must be the user's and is the question; the others are not read."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[TextPart | OtherPart], Field(max_length=CHAT_PARTS_MAX)] | None = None


class ResponseFormat(_Lenient):
    """Only text."""

    type: Literal["text"]


class StreamOptions(Strict):
    """What a stream has besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = Field(default=None, description=IGNORED)


class ChatRequest(Strict):
    """A conversation whose last message is a question."""

    model: str = Field(min_length=1, max_length=MODEL_CHARACTERS_MAX, description="One that `/v1/models` lists.")
    messages: list[ChatMessage] = Field(min_length=1, max_length=CHAT_MESSAGES_MAX)
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    n: int | None = Field(default=None, ge=1, le=1, description="There is one answer.")
    response_format: ResponseFormat | None = None
    modalities: list[Literal["text"]] | None = None
    tools: list[Any] | None = Field(default=None, max_length=0, description=NO_TOOLS)
    tool_choice: Literal["none", "auto"] | None = Field(default=None, description=NO_TOOLS)
    functions: list[Any] | None = Field(default=None, max_length=0, description=NO_TOOLS)
    function_call: Literal["none", "auto"] | None = Field(default=None, description=NO_TOOLS)
    logprobs: Literal[False] | None = Field(default=None, description="There are none.")
    top_logprobs: Literal[0] | None = Field(default=None, description="There are none.")

    temperature: float | None = Field(default=None, description=IGNORED)
    top_p: float | None = Field(default=None, description=IGNORED)
    max_tokens: int | None = Field(default=None, description=IGNORED)
    max_completion_tokens: int | None = Field(default=None, description=IGNORED)
    seed: int | None = Field(default=None, description=IGNORED)
    stop: str | list[str] | None = Field(default=None, description=IGNORED)
    presence_penalty: float | None = Field(default=None, description=IGNORED)
    frequency_penalty: float | None = Field(default=None, description=IGNORED)
    logit_bias: dict[str, float] | None = Field(default=None, description=IGNORED)
    reasoning_effort: str | None = Field(default=None, description=IGNORED)
    verbosity: str | None = Field(default=None, description=IGNORED)
    parallel_tool_calls: bool | None = Field(default=None, description=IGNORED)
    service_tier: str | None = Field(default=None, description=IGNORED)
    user: str | None = Field(default=None, description="Ignored: the token says who asks.")
    safety_identifier: str | None = Field(default=None, description=IGNORED)
    prompt_cache_key: str | None = Field(default=None, description=IGNORED)
    metadata: dict[str, str] | None = Field(default=None, description=IGNORED)
    store: bool | None = Field(default=None, description="Ignored: nothing is stored.")


class Usage(Strict):
    """Tokens by the embedding model's tokenizer, of question and answer; nothing is billed by them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionMessage(Strict):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class CompletionChoice(Strict):
    """The only choice."""

    index: Literal[0] = 0
    message: CompletionMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class ChatCompletion(Strict):
    """The answer's text as OpenAI's clients read it; `staithe` is the whole answer with its citations."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Seconds since the epoch.")
    model: str
    choices: list[CompletionChoice] = Field(min_length=1, max_length=1)
    usage: Usage
    staithe: AnswerResponse


class Delta(Strict):
    """What a chunk adds."""

    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(Strict):
    """The only choice."""

    index: Literal[0] = 0
    delta: Delta
    logprobs: None = None
    finish_reason: Literal["stop"] | None = None


class ChatCompletionChunk(Strict):
    """A piece of a streamed answer; the last one with a choice has the whole answer in `staithe`."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None = None
    staithe: AnswerResponse | None = None


class ModelEntry(Strict):
    """A way to answer."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since the epoch.")
    owned_by: Literal["staithe"] = "staithe"


class ModelList(Strict):
    """The ways to answer that this installation has."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]
