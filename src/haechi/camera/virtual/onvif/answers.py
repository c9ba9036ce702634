"""Questions to the device, media and PTZ services, and their answers (ONVIF Core, Media, PTZ; version 2.x schemas)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from haechi.base.clock import NS_PER_S
from haechi.camera.virtual.onvif.model import Model, VirtualProfile
from haechi.fleet.onvif.session import device_time_ns
from haechi.fleet.onvif.xml import Node, escape

PUBLIC = frozenset({"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetServiceCapabilities"})
"""What may be asked without a log-in (ONVIF Core section 5.9.3: PRE_AUTH)."""
_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
)


class Fault(Exception):
    """What the device refuses. ``subcode`` is one of ONVIF's (``ter:...``)."""

    def __init__(self, subcode: str, reason: str) -> None:
        super().__init__(reason)
        self.subcode = subcode
        self.reason = reason


Reply = Callable[[Model, str, Node], str]
"""From the device, the base of its addresses (``http://host:port``) and the question to the answer's body."""


def _information(model: Model, _base: str, _asked: Node) -> str:
    one = model.identity
    return (
        f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{escape(one.manufacturer)}</tds:Manufacturer>"
        f"<tds:Model>{escape(one.model)}</tds:Model><tds:FirmwareVersion>{escape(one.firmware)}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{escape(one.serial)}</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def _time(model: Model, _base: str, _asked: Node) -> str:
    now = datetime.fromtimestamp(model.now_ns() // NS_PER_S, UTC)
    told = (
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        f"</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day>"
        "</tt:Date>"
    )
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
        "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone>"
        f"<tt:UTCDateTime>{told}</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _set_time(model: Model, _base: str, asked: Node) -> str:
    told_ns = device_time_ns(Node("", "", {}, "", (Node("SystemDateAndTime", "", {}, "", asked.children),)))
    if asked.text_at("DateTimeType") == "Manual":
        if told_ns is None:
            raise Fault("ter:InvalidDateTime", "no such date or time")
        model.set_time(told_ns)
    return "<tds:SetSystemDateAndTimeResponse/>"


def service_paths(model: Model) -> Mapping[str, tuple[str, str]]:
    """Name to namespace and path of the services that it has."""
    paths = {
        "Device": ("http://www.onvif.org/ver10/device/wsdl", "/onvif/device_service"),
        "Events": ("http://www.onvif.org/ver10/events/wsdl", "/onvif/event_service"),
        "Media": ("http://www.onvif.org/ver10/media/wsdl", "/onvif/media_service"),
        "Media2": ("http://www.onvif.org/ver20/media/wsdl", "/onvif/media2_service"),
        "PTZ": ("http://www.onvif.org/ver20/ptz/wsdl", "/onvif/ptz_service"),
    }
    quirks = model.quirks
    lacks = {
        "PTZ": quirks.no_ptz, "Events": quirks.no_events, "Media": quirks.no_media1, "Media2": quirks.no_media2,
    }  # fmt: skip
    return {name: value for name, value in paths.items() if not lacks.get(name)}


def _services(model: Model, base: str, _asked: Node) -> str:
    each = "".join(
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{base}{path}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
        for namespace, path in service_paths(model).values()
    )
    return f"<tds:GetServicesResponse>{each}</tds:GetServicesResponse>"


def _capabilities(model: Model, base: str, _asked: Node) -> str:
    more = {
        "Events": "<tt:WSSubscriptionPolicySupport>false</tt:WSSubscriptionPolicySupport>"
        "<tt:WSPullPointSupport>true</tt:WSPullPointSupport>"
        "<tt:WSPausableSubscriptionManagerInterfaceSupport>false</tt:WSPausableSubscriptionManagerInterfaceSupport>",
        "Media": "<tt:StreamingCapabilities><tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities>",
    }
    each = "".join(
        f"<tt:{name}><tt:XAddr>{base}{path}</tt:XAddr>{more.get(name, '')}</tt:{name}>"
        for name, (_, path) in service_paths(model).items()
        if name != "Media2"  # GetCapabilities is older than Media2
    )
    return f"<tds:GetCapabilitiesResponse><tds:Capabilities>{each}</tds:Capabilities></tds:GetCapabilitiesResponse>"


def scopes(model: Model) -> list[str]:
    """What it is, as discovery and GetScopes tell it."""
    one = model.identity
    told = ["type/video_encoder", "type/Network_Video_Transmitter", "Profile/Streaming"]
    told += [
        f"name/{quote(one.name, safe='')}",
        f"hardware/{quote(one.model, safe='')}",
        f"location/{quote(one.location)}",
    ]
    return [f"onvif://www.onvif.org/{part}" for part in [*told, *([] if model.quirks.no_ptz else ["type/ptz"])]]


def _scopes(model: Model, _base: str, _asked: Node) -> str:
    each = "".join(
        f"<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>{one}</tt:ScopeItem></tds:Scopes>"
        for one in scopes(model)
    )
    return f"<tds:GetScopesResponse>{each}</tds:GetScopesResponse>"


def _interfaces(_model: Model, base: str, _asked: Node) -> str:
    host = urlsplit(base).hostname or "127.0.0.1"
    return (
        '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled>'
        "<tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>02:00:00:00:00:01</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info>"
        "<tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config><tt:Manual>"
        f"<tt:Address>{escape(host)}</tt:Address><tt:PrefixLength>24</tt:PrefixLength></tt:Manual>"
        "<tt:DHCP>false</tt:DHCP></tt:Config></tt:IPv4></tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
    )


def _encoder(profile: VirtualProfile, tag: str) -> str:
    coded = {"H264": "<tt:H264><tt:GovLength>30</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"}
    return (
        f'<{tag} token="encoder-{escape(profile.token)}"><tt:Name>{escape(profile.token)}</tt:Name>'
        f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{profile.codec}</tt:Encoding><tt:Resolution>"
        f"<tt:Width>{profile.width_px}</tt:Width><tt:Height>{profile.height_px}</tt:Height></tt:Resolution>"
        f"<tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>{profile.fps}</tt:FrameRateLimit>"
        f"<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>{profile.kbps}</tt:BitrateLimit></tt:RateControl>"
        f"{coded.get(profile.codec, '')}{_MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout></{tag}>"
    )


def _profiles(model: Model, _base: str, _asked: Node) -> str:
    ptz = (
        '<tt:PTZConfiguration token="ptz"><tt:Name>ptz</tt:Name><tt:UseCount>1</tt:UseCount>'
        "<tt:NodeToken>node</tt:NodeToken></tt:PTZConfiguration>"
    )
    each = "".join(
        f'<trt:Profiles token="{escape(one.token)}" fixed="true"><tt:Name>{escape(one.token)}</tt:Name>'
        '<tt:VideoSourceConfiguration token="source"><tt:Name>source</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:SourceToken>source</tt:SourceToken>"
        f'<tt:Bounds x="0" y="0" width="{one.width_px}" height="{one.height_px}"/>'
        f"</tt:VideoSourceConfiguration>{_encoder(one, 'tt:VideoEncoderConfiguration')}"
        f"{'' if model.quirks.no_ptz else ptz}</trt:Profiles>"
        for one in _known_to_media1(model)
    )
    return f"<trt:GetProfilesResponse>{each}</trt:GetProfilesResponse>"


def _known_to_media1(model: Model) -> list[VirtualProfile]:
    """Its schema has no H.265; devices that have no other service tell of it there all the same."""
    return [one for one in model.profiles if one.codec != "H265" or model.quirks.no_media2]


def _sources(model: Model, _base: str, _asked: Node) -> str:
    widest = max(model.profiles, key=lambda one: one.width_px)
    return (
        f'<trt:GetVideoSourcesResponse><trt:VideoSources token="source"><tt:Framerate>{widest.fps}</tt:Framerate>'
        f"<tt:Resolution><tt:Width>{widest.width_px}</tt:Width><tt:Height>{widest.height_px}</tt:Height>"
        "</tt:Resolution></trt:VideoSources></trt:GetVideoSourcesResponse>"
    )


def _encoders(model: Model, _base: str, _asked: Node) -> str:
    each = "".join(_encoder(one, "trt:Configurations") for one in _known_to_media1(model))
    return f"<trt:GetVideoEncoderConfigurationsResponse>{each}</trt:GetVideoEncoderConfigurationsResponse>"


def _encoder_of(model: Model, _base: str, asked: Node) -> str:
    wanted = asked.text_at("ConfigurationToken").removeprefix("encoder-")
    each = _encoder(profile_of(model, wanted), "trt:Configuration")
    return f"<trt:GetVideoEncoderConfigurationResponse>{each}</trt:GetVideoEncoderConfigurationResponse>"


def profile_of(model: Model, token: str) -> VirtualProfile:
    """The profile of this name.

    Raises:
        Fault: There is none.
    """
    found = next((one for one in model.profiles if one.token == token), None)
    if found is None:
        raise Fault("ter:NoProfile", "no such profile")
    return found


def _uri(model: Model, _base: str, asked: Node) -> str:
    return _media_uri("GetStreamUriResponse", stream_address(model, profile_of(model, asked.text_at("ProfileToken"))))


def stream_address(model: Model, profile: VirtualProfile) -> str:
    """What the device tells of where a profile is served."""
    split = urlsplit(profile.uri)
    host = model.quirks.inner_host or split.hostname or ""
    if model.quirks.hostless_uri:
        host = ""
    if model.quirks.secret_uri:
        host = f"admin:device-secret@{host}"
    return f"{split.scheme}://{host}:{split.port}{split.path}"


def _snapshot(model: Model, base: str, asked: Node) -> str:
    if not model.snapshot:
        raise Fault("ter:ActionNotSupported", "no snapshots")
    token = profile_of(model, asked.text_at("ProfileToken")).token
    return _media_uri("GetSnapshotUriResponse", f"{base}/snapshot/{quote(token)}.jpg")


def _media_uri(tag: str, uri: str) -> str:
    return (
        f"<trt:{tag}><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
        f"<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:{tag}>"
    )


DEVICE: Mapping[str, Reply] = {
    "GetDeviceInformation": _information,
    "GetSystemDateAndTime": _time,
    "SetSystemDateAndTime": _set_time,
    "GetServices": _services,
    "GetCapabilities": _capabilities,
    "GetScopes": _scopes,
    "GetNetworkInterfaces": _interfaces,
}
MEDIA: Mapping[str, Reply] = {
    "GetProfiles": _profiles,
    "GetVideoSources": _sources,
    "GetVideoEncoderConfigurations": _encoders,
    "GetVideoEncoderConfiguration": _encoder_of,
    "GetStreamUri": _uri,
    "GetSnapshotUri": _snapshot,
}
