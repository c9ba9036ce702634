"""The ring of keys of an installation, from its settings."""

from haechi.app.settings import Settings
from haechi.base.errors import Invalid
from haechi.record.disk.keys import KeyRing


def key_ring(settings: Settings) -> KeyRing:
    """The ring of keys, there or not yet."""
    return KeyRing(settings.key_file)


def require_keys(settings: Settings) -> None:
    """Make sure that what is to be sealed can be, before anything starts.

    Raises:
        Invalid: ``key-missing``: there is no key yet.
    """
    wants = settings.record.encrypt or any(one.encrypt for one in settings.record.tiers)
    if wants and not key_ring(settings).keys():
        message = "footage is to be sealed (encrypt: true), but there is no key; run: haechi keys new"
        raise Invalid(message, code="key-missing", file=str(settings.key_file))
