"""Questions to the newer media service (ONVIF Media2, ver20), which knows H.265, and their answers."""

from __future__ import annotations

from collections.abc import Mapping

from haechi.camera.virtual.onvif.answers import Fault, Reply, profile_of, stream_address
from haechi.camera.virtual.onvif.model import Model, VirtualProfile
from haechi.fleet.onvif.xml import Node, escape

_PROTOCOLS = {"RTSP", "RtspUnicast", "RtspsUnicast", "RtspOverHttp"}


def _encoder(profile: VirtualProfile, tag: str) -> str:
    """tt:VideoEncoder2Configuration."""
    return (
        f'<{tag} token="encoder-{escape(profile.token)}" GovLength="30" Profile="Main">'
        f"<tt:Name>{escape(profile.token)}</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>{profile.codec}</tt:Encoding>"
        f"<tt:Resolution><tt:Width>{profile.width_px}</tt:Width><tt:Height>{profile.height_px}</tt:Height></tt:Resolution>"
        f'<tt:RateControl ConstantBitRate="false"><tt:FrameRateLimit>{profile.fps}.0</tt:FrameRateLimit>'
        f"<tt:BitrateLimit>{profile.kbps}</tt:BitrateLimit></tt:RateControl><tt:Quality>5</tt:Quality></{tag}>"
    )


def _profiles(model: Model, _base: str, asked: Node) -> str:
    _refuse_half(model)
    types = {node.text for node in asked.all("Type")}
    wanted = asked.text_at("Token")
    ptz = (
        '<tr2:PTZ token="ptz"><tt:Name>ptz</tt:Name><tt:UseCount>1</tt:UseCount>'
        "<tt:NodeToken>node</tt:NodeToken></tr2:PTZ>"
    )
    each = ""
    for one in [profile_of(model, wanted)] if wanted else model.profiles:
        source = (
            '<tr2:VideoSource token="source"><tt:Name>source</tt:Name><tt:UseCount>1</tt:UseCount>'
            "<tt:SourceToken>source</tt:SourceToken>"
            f'<tt:Bounds x="0" y="0" width="{one.width_px}" height="{one.height_px}"/></tr2:VideoSource>'
        )
        told = {
            "VideoSource": source,
            "VideoEncoder": _encoder(one, "tr2:VideoEncoder"),
            "PTZ": "" if model.quirks.no_ptz else ptz,
        }
        inner = "".join(part for name, part in told.items() if types & {"All", name})
        parts = f"<tr2:Configurations>{inner}</tr2:Configurations>" if types else ""
        each += (
            f'<tr2:Profiles token="{escape(one.token)}" fixed="true"><tr2:Name>{escape(one.token)}</tr2:Name>'
            f"{parts}</tr2:Profiles>"
        )
    return f"<tr2:GetProfilesResponse>{each}</tr2:GetProfilesResponse>"


def _uri(model: Model, _base: str, asked: Node) -> str:
    _refuse_half(model)
    if asked.text_at("Protocol") not in _PROTOCOLS - ({"RTSP"} if model.quirks.unicast_only else set()):
        raise Fault("ter:InvalidArgVal", "no such protocol")
    address = stream_address(model, profile_of(model, asked.text_at("ProfileToken")))
    return f"<tr2:GetStreamUriResponse><tr2:Uri>{escape(address)}</tr2:Uri></tr2:GetStreamUriResponse>"


def _encoders(model: Model, _base: str, _asked: Node) -> str:
    _refuse_half(model)
    each = "".join(_encoder(one, "tr2:Configurations") for one in model.profiles)
    return f"<tr2:GetVideoEncoderConfigurationsResponse>{each}</tr2:GetVideoEncoderConfigurationsResponse>"


def _refuse_half(model: Model) -> None:
    if model.quirks.half_media2:
        raise Fault("ter:Action", "not yet")


MEDIA2: Mapping[str, Reply] = {
    "GetProfiles": _profiles,
    "GetStreamUri": _uri,
    "GetVideoEncoderConfigurations": _encoders,
}
