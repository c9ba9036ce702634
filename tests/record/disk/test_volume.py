"""Names on disk that cannot leave the volume."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_S
from haechi.base.errors import Conflict, Invalid, Unavailable
from haechi.base.ids import StreamId
from haechi.record.disk.volume import IDENTITY_FILE, Volume, relative_path


def test_a_recording_is_named_by_its_camera_time_role_and_run() -> None:
    path = relative_path(StreamId("cam_k3/main"), 12, 1_763_703_150 * NS_PER_S + 7_000_000)
    assert path == "cam_k3/2025-11-21/05/05-32-30.007Z_main_r12.mp4"


@given(stream=st.text(max_size=30), at=st.integers(0, 1 << 61))
def test_no_stream_name_leads_out_of_the_volume(stream: str, at: int) -> None:
    volume = Volume(Path("/srv/record"))
    try:
        path = relative_path(StreamId(stream), 1, at)
    except Invalid:
        return
    assert volume.path_of(path).is_relative_to("/srv/record")
    assert ".." not in volume.path_of(path).parts


@pytest.mark.parametrize("path", ["../x.mp4", "a/../../x.mp4", "/etc/passwd", "a//b", "", "a/.hidden", "a/b\0c"])
def test_a_path_of_the_index_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        Volume(Path("/srv/record")).path_of(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"volume": 3}', b'{"volume": "x"}', b"\xff"])
def test_a_damaged_identity_is_not_taken_for_a_new_volume(tmp_path: Path, content: bytes) -> None:
    (tmp_path / IDENTITY_FILE).write_bytes(content)
    volume = Volume(tmp_path)
    volume.id = "11111111-2222-3333-4444-555555555555"
    with pytest.raises((Conflict, Unavailable)):
        volume.verify()
