"""Settings of cameras that dial out to us, and of the servers over which they are spread."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from haechi.base.errors import Invalid
from haechi.ingest.placement import media_server


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MediaServerSettings(_Section):
    """One of the servers over which cameras that dial are spread."""

    address: str = Field(max_length=300, description="Where cameras dial it: HOST:PORT.")
    pin: str = Field(description="SHA-256 fingerprint of its certificate: 64 hexadecimal digits.")

    @model_validator(mode="after")
    def _is_a_place(self) -> Self:
        try:
            media_server(self.address, self.pin)
        except Invalid as error:
            raise ValueError(error.message) from error
        return self


class ReverseSettings(_Section):
    """Cameras behind NAT that dial out to this server over TLS."""

    listen: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether to listen for them: auto: as soon as there is such a camera."
    )
    host: str = Field("", description="Address to listen on; empty: the same as http.host.")
    port: int = Field(8341, ge=0, le=65535, description="Port; when it is taken the next free one is used and logged.")
    certificate: Path | None = Field(
        None, description="Certificate (PEM, with its chain); default: one that signs itself, in data_dir."
    )
    key: Path | None = Field(None, description="Its private key; default: in the same file.")
    backfill_kbit: int = Field(
        8000,
        ge=64,
        le=1_000_000,
        description="kbit/s at most that a camera sends of what it kept while it could not reach this server, beside "
        "live; never more than 30 % of its link.",
    )
    servers: tuple[MediaServerSettings, ...] = Field(
        (),
        max_length=256,
        description="All servers over which such cameras are spread, this one with them (it knows itself by its pin): "
        "address and pin of each. Every camera has one of them, and is sent there when it dials another.",
    )

    @field_validator("servers")
    @classmethod
    def _are_different(cls, servers: tuple[MediaServerSettings, ...]) -> tuple[MediaServerSettings, ...]:
        if len({media_server(one.address, one.pin).fingerprint for one in servers}) < len(servers):
            raise ValueError("two of the servers have the same pin")
        return servers
