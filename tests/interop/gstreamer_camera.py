"""gst-rtsp-server with one pipeline at /live. Run by Debian's Python, which has python3-gi; imports nothing of ours."""

import argparse
import sys
from pathlib import Path

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found] # noqa: E402


def guarded(login: str, tls: str) -> GstRtspServer.RTSPAuth:
    """Who may come in, and the certificate to show."""
    auth = GstRtspServer.RTSPAuth()
    if tls:
        pem = Path(tls).read_text()
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_pem(pem, -1))
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if not login:
        auth.set_default_token(token)
        return auth
    kind, user, password = login.split(":")
    if kind == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    return auth


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--port", default="0")
    parser.add_argument("--login", default="")
    parser.add_argument("--tls", default="")
    parser.add_argument("launch", nargs="?", default="")
    options = parser.parse_args()
    Gst.init(None)
    if options.version:
        print(Gst.version_string())
        return 0
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(options.launch)
    factory.set_shared(True)
    if options.login or options.tls:
        server.set_auth(guarded(options.login, options.tls))
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
