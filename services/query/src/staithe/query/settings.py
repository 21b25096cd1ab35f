"""Settings of the query service, `STAITHE_QUERY_…`."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from staithe.kernel.settings import HttpsSettings, ServiceSettings
from staithe.keys.client.settings import KeyServiceSettings


class QuerySettings(HttpsSettings, ServiceSettings, KeyServiceSettings):
    """What the query service needs beyond what every service has."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    model_cache_dir: Path = Field(description="Cache folder in which the prepared model lies; its hashes are verified.")
    milvus_uri: str = Field(description="http://127.0.0.1:port of a local Milvus Lite, or https://host:port.")
    milvus_user: str = Field(default="", description="User with read rights only; needed on a server with users.")
    milvus_password_file: Path | None = Field(default=None)
    milvus_ca_file: Path | None = Field(default=None, description="Authority of Milvus's certificate, for https.")
    milvus_certificate_file: Path | None = Field(default=None, description="Our client certificate for Milvus.")
    milvus_private_key_file: Path | None = Field(default=None)
    milvus_server_name: str = Field(default="", description="The name in Milvus's certificate.")
    requests_per_minute: int = Field(
        default=3_000, ge=1, le=1_000_000, description="Requests one caller may send in a minute to one process."
    )
    log_url: str = Field(pattern="^https://", description="Base URL of the audit log's pages, for evidence.")
    log_ca_file: Path = Field(description="Authority of the audit log's pages and of their readers.")
    log_certificate_file: Path = Field(description="Our client certificate for them.")
    log_private_key_file: Path = Field(description="Its key.")
    llm_provider: str = Field(default="", description="Provider that may word answers; empty: none, nothing leaves.")
    llm_providers_file: Path | None = Field(default=None, description="policies/providers.yaml.")
    llm_key_file: Path | None = Field(default=None, description="File with the provider's API key.")
    llm_seconds_max: float = Field(default=12.0, gt=0, le=18, description="How long to wait for a reply.")
    llm_tokens_per_hour: int = Field(default=50_000, ge=1, description="Of one caller, in one process.")
    access_file: Path | None = Field(
        default=None, description="policies/access.yaml: who may see which documents beyond tenant, tier and groups."
    )
    authentication_file: Path | None = Field(
        default=None, description="policies/authentication.yaml: how strongly callers must have signed in."
    )
    console_client_id: str = Field(
        default="", max_length=128, description="Our client at the issuer, for sign-in there; empty: tokens are pasted."
    )
    console_url: str = Field(
        default="",
        pattern=r"^(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?)?$",
        description="Origin at which browsers reach us.",
    )
    console_key_file: Path | None = Field(
        default=None, description="At least 32 random bytes that seal sessions; the same for all replicas."
    )
    console_scopes: str = Field(
        default="openid", pattern=r"^openid( [a-z:._-]+)*$", description="What the console asks the issuer for."
    )
    audit_key_file: Path | None = Field(
        default=None, description="At least 32 random bytes that key the digests in the audit log."
    )

    @model_validator(mode="after")
    def _complete(self) -> "QuerySettings":
        tls = (self.milvus_ca_file, self.milvus_certificate_file, self.milvus_private_key_file)
        if self.milvus_uri.startswith("https://") and not (all(tls) and self.milvus_server_name):
            raise ValueError(
                "an https MILVUS_URI needs MILVUS_CA_FILE, MILVUS_CERTIFICATE_FILE, MILVUS_PRIVATE_KEY_FILE "
                "and MILVUS_SERVER_NAME"
            )
        if bool(self.milvus_user) != (self.milvus_password_file is not None):
            raise ValueError("MILVUS_USER and MILVUS_PASSWORD_FILE go together")
        if self.llm_provider and not (self.llm_providers_file and self.llm_key_file):
            raise ValueError("LLM_PROVIDER needs LLM_PROVIDERS_FILE and LLM_KEY_FILE")
        console = (self.console_client_id, self.console_url, self.console_key_file)
        if any(console) and not all(console):
            raise ValueError("CONSOLE_CLIENT_ID, CONSOLE_URL and CONSOLE_KEY_FILE go together")
        return self
