"""Settings of every service that speaks to Milvus: address, user, and mutual TLS."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from staithe.vectors.store.connection import MilvusAddress, MilvusTls


class MilvusSettings(BaseSettings):
    """Where Milvus is and who we are there; `https` needs all of the TLS files."""

    milvus_uri: str = Field(description="http://127.0.0.1:port of a local Milvus Lite, or https://host:port.")
    milvus_user: str = Field(default="", description="User with this service's rights only; on a server with users.")
    milvus_password_file: Path | None = Field(default=None)
    milvus_ca_file: Path | None = Field(default=None, description="Authority of Milvus's certificate; for https.")
    milvus_certificate_file: Path | None = Field(default=None, description="Our client certificate for Milvus.")
    milvus_private_key_file: Path | None = Field(default=None)
    milvus_server_name: str = Field(default="", description="The name in Milvus's certificate.")

    @model_validator(mode="after")
    def _complete(self) -> "MilvusSettings":
        if self.milvus_uri.startswith("https://") and self._tls() is None:
            raise ValueError(
                "an https MILVUS_URI needs MILVUS_CA_FILE, MILVUS_CERTIFICATE_FILE, MILVUS_PRIVATE_KEY_FILE "
                "and MILVUS_SERVER_NAME"
            )
        if bool(self.milvus_user) != (self.milvus_password_file is not None):
            raise ValueError("MILVUS_USER and MILVUS_PASSWORD_FILE go together")
        return self

    def _tls(self) -> MilvusTls | None:
        ca, certificate, key = self.milvus_ca_file, self.milvus_certificate_file, self.milvus_private_key_file
        if ca is None or certificate is None or key is None or not self.milvus_server_name:
            return None
        return MilvusTls(trusted=ca, certificate=certificate, key=key, server_name=self.milvus_server_name)

    def milvus_address(self) -> MilvusAddress:
        """The address these settings describe; raises ConfigurationError when it is not acceptable."""
        tls = self._tls() if self.milvus_uri.startswith("https://") else None
        return MilvusAddress(
            uri=self.milvus_uri, user=self.milvus_user, password_file=self.milvus_password_file, tls=tls
        )
