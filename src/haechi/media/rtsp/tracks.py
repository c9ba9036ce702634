"""Which tracks of a camera's description we take."""

from __future__ import annotations

from haechi.base.errors import Invalid
from haechi.media.depacketise import codec_of
from haechi.media.sdp import MediaTrack, SessionDescription


def choose_tracks(session: SessionDescription, *, want_audio: bool, application: str = "") -> tuple[MediaTrack, ...]:
    """The first video track that we carry and, if wanted, the first such audio track.

    Args:
        application: Encoding name of a track that is neither; where there is one, it comes last.

    Raises:
        Invalid: There is no video (``no-video-track``), or none that we carry (``unsupported-codec``).
    """
    videos = [track for track in session.tracks if track.kind == "video"]
    if not videos:
        raise Invalid("the camera sends no video at this address", code="no-video-track")
    video = next((track for track in videos if _is_carried(track)), videos[0])
    codec_of(video)
    audio = next((track for track in session.tracks if track.kind == "audio" and _is_carried(track)), None)
    media = (video, audio) if audio is not None and want_audio else (video,)
    return (*media, *[one for one in session.tracks if application and is_application(one, application)][:1])


def is_application(track: MediaTrack, name: str) -> bool:
    """Whether a track is neither video nor audio, but this."""
    return track.kind == "application" and track.codec == name


def _is_carried(track: MediaTrack) -> bool:
    try:
        codec_of(track)
    except Invalid:
        return False
    return True
