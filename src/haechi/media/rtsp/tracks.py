"""Which tracks of a camera's description we take."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from haechi.base.errors import Invalid
from haechi.media.depacketise import codec_of
from haechi.media.sdp import MediaTrack, SessionDescription

_SPOKEN = ("PCMU", "PCMA")
BACK_CHANNEL = "www.onvif.org/ver20/backchannel"
"""The feature tag by which a client asks for the way back (ONVIF Streaming Specification, section 5.3.1)."""
Talk = Literal["", "too", "only"]


def choose_tracks(
    session: SessionDescription, *, want_audio: bool, application: str = "", talk: Talk = ""
) -> tuple[MediaTrack, ...]:
    """The first video track that we carry and, if wanted, the first such audio track.

    Args:
        application: Encoding name of a track that is neither; where there is one, it comes after them.
        talk: Whether the camera's way back is wanted, last of all; or nothing but that.

    Raises:
        Invalid: There is no video (``no-video-track``), or none that we carry (``unsupported-codec``); no way back, and
            nothing else is wanted (``no-back-channel``), or only one for sound that we do not make
            (``back-channel-codec``).
    """
    back = back_channel_of(session)
    if talk == "only":
        if back is None:
            raise _unspoken(session)
        return (back,)
    videos = [track for track in session.tracks if track.kind == "video"]
    if not videos:
        raise Invalid("the camera sends no video at this address", code="no-video-track")
    video = next((track for track in videos if _is_carried(track)), videos[0])
    codec_of(video)
    audio = next((track for track in session.tracks if track.kind == "audio" and _is_heard(track, video)), None)
    media = (video, replace(audio, direction="recvonly")) if audio is not None and want_audio else (video,)
    words = [one for one in session.tracks if application and is_application(one, application)][:1]
    return (*media, *words, *([back] if talk and back is not None else []))


def back_channel_of(session: SessionDescription) -> MediaTrack | None:
    """The track by which the camera takes G.711 from us; None: it has none.

    Such a track is ``sendonly``: ONVIF writes it as the client sees it. A description in which video is ``sendonly``
    too is written as the server sees it, and speaks of no way back.
    """
    return next((track for track in _ways_back(session) if _is_spoken(track)), None)


def _ways_back(session: SessionDescription) -> list[MediaTrack]:
    if any(track.kind == "video" and track.direction == "sendonly" for track in session.tracks):
        return []
    return [track for track in session.tracks if is_back_channel(track)]


def _is_spoken(track: MediaTrack) -> bool:
    return track.codec in _SPOKEN and (track.clock_rate_hz, track.channels) == (8_000, 1)


def _unspoken(session: SessionDescription) -> Invalid:
    others = _ways_back(session)
    if not others:
        return Invalid("this camera takes no sound: it offers no back channel for G.711", code="no-back-channel")
    names = ", ".join(f"{track.codec or 'unknown'}/{track.clock_rate_hz}" for track in others)[:100]
    message = "this camera takes sound, but not as G.711 at 8 kHz; choose G.711 for its loudspeaker in its own settings"
    return Invalid(message, code="back-channel-codec", offered=names)


def is_back_channel(track: MediaTrack) -> bool:
    """Whether a track, in a description as ONVIF writes it, is one that we send."""
    return track.kind == "audio" and track.direction == "sendonly"


def _is_heard(track: MediaTrack, video: MediaTrack) -> bool:
    return _is_carried(track) and (not is_back_channel(track) or video.direction == "sendonly")


def is_application(track: MediaTrack, name: str) -> bool:
    """Whether a track is neither video nor audio, but this."""
    return track.kind == "application" and track.codec == name


def _is_carried(track: MediaTrack) -> bool:
    try:
        codec_of(track)
    except Invalid:
        return False
    return True
