"""``haechi turn``: the server that carries pictures of phones where no direct way is found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from haechi.app.cli.console import out
from haechi.app.reflection import reflected
from haechi.app.settings import load_settings
from haechi.base.errors import Invalid
from haechi.fleet.phones.coturn import Turn, configuration
from haechi.fleet.phones.ice import parse_ice_url

app = typer.Typer(help="The TURN server (coturn) by which phones are watched through any network.")


@app.command("config")
def print_configuration(
    public: Annotated[str, typer.Argument(help="Its address as the world knows it, for example 198.51.100.7.")],
    realm: Annotated[str, typer.Option(help="A name for it, for example its host name.")] = "haechi",
    private: Annotated[str, typer.Option(help="Its own address, where a router stands before it.")] = "",
    certificate: Annotated[Path | None, typer.Option(help="For turns: a certificate with its key (PEM).")] = None,
) -> None:
    """Print a configuration for coturn with turn.secret of the settings: save it as /etc/turnserver.conf."""
    secret = load_settings().turn.secret
    if not secret:
        message = "set turn.secret first, for example HAECHI_TURN__SECRET=$(openssl rand -hex 32)"
        raise Invalid(message, code="bad-turn-settings")
    turn = Turn(secret, realm, public, private, certificate=str(certificate) if certificate is not None else "")
    typer.echo(configuration(turn), nl=False)


@app.command()
def check() -> None:
    """Ask every server of turn.urls whether it is there."""
    urls = load_settings().turn.urls
    if not urls:
        out.print("no servers are set: phones are watched in the same network only (turn.urls)")
    for url in urls:
        host, port = reflected(parse_ice_url(url))
        out.print(f"{url} answers; it sees this machine as {host}:{port}")
