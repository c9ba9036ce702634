"""All commands of ``haechi`` in one place."""

import typer

from haechi.app.cli import camera, keys, models, push, tiers, turn, user, webcam
from haechi.app.cli.client import client
from haechi.app.cli.doctor import doctor, version
from haechi.app.cli.record import check, replay
from haechi.app.cli.serve import demo, serve
from haechi.app.cli.upload import upload

app = typer.Typer(
    name="haechi",
    help="Haechi: from a camera's first frame to the verdict, the alarm and the evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(demo)
app.command()(client)
app.command()(upload)
app.command()(doctor)
app.command()(check)
app.command()(replay)
app.command()(version)
app.add_typer(camera.app, name="camera")
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.add_typer(push.app, name="push")
app.add_typer(tiers.app, name="tiers")
app.add_typer(turn.app, name="turn")
app.add_typer(user.app, name="user")
app.add_typer(webcam.app, name="webcam")
