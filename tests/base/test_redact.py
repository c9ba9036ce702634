"""Secrets do not get past the redactor, and what is no secret does."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.redact import RedactingFilter, redact_event, redact_text, redact_url

SECRETS = st.text(
    st.characters(codec="ascii", exclude_characters=" \t\r\n\"'<>\\", exclude_categories=["Cc"]),
    min_size=6,
    max_size=40,
).filter(lambda text: text.strip("*") and "@" not in text[-1:])


@given(user=SECRETS, password=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_part_of_the_user_info_of_a_url_survives_anywhere_in_a_text(
    user: str, password: str, before: str, after: str
) -> None:
    text = f"{before} rtsp://{user}:{password}@10.0.0.9/ch1 {after}"
    assert f"{user}:{password}" not in redact_url(text)
    assert "rtsp://***@10.0.0.9/ch1" in redact_url(text)


def test_a_password_with_a_raw_at_sign_or_slash_is_hidden_whole() -> None:
    assert redact_url("rtsp://bob:p@ss/w@rd@cam.lan:554/x") == "rtsp://***@cam.lan:554/x"


def test_a_url_without_user_info_stays_as_it_is() -> None:
    assert redact_url("see rtsp://cam.lan/ch1?a=b and rtsps://h/") == "see rtsp://cam.lan/ch1?a=b and rtsps://h/"


def test_headers_and_pairs_lose_their_values() -> None:
    assert "canary" not in redact_text("Authorization: Digest username=canary, response=canary")
    assert "canary" not in redact_text("cookie: haechi_session=canary")
    assert "canary" not in redact_text('{"password": "canary", "name": "x"}')
    assert "canary" not in redact_text("GET /x?token=canary&y=1")
    assert "y=1" in redact_text("GET /x?token=canary&y=1")


def test_the_log_processor_hides_by_name_and_by_look_at_any_depth() -> None:
    event = {
        "event": "camera down",
        "password": "canary",
        "facts": {"url": "rtsp://a:canary@h/x", "deep": [{"api_token": "canary"}], "count": 3, "token": None},
        "exception": "Traceback: OSError: rtsp://a:canary@h/x",
        "data": b"canary",
    }
    out = redact_event(None, "info", dict(event))
    assert "canary" not in repr(out)
    assert out["event"] == "camera down"
    assert "'count': 3" in repr(out)
    assert "'token': None" in repr(out)


def test_records_of_the_standard_library_are_redacted_with_their_arguments() -> None:
    record = logging.LogRecord("x", 20, "f", 1, "connecting to %s", ("rtsp://a:canary@h/",), None)
    assert RedactingFilter().filter(record)
    assert record.getMessage() == "connecting to rtsp://***@h/"


def test_our_own_tokens_are_hidden_wherever_they_stand() -> None:
    secret = "canaryCanary-canary_canary0123456789abcdefgh"
    for kind in ("hrt_", "hwt_", "hpt_", "hph_"):
        for text in (f"{kind}{secret}", f"see /cam/index.m3u8%3Ftoken%3D{kind}{secret}&a=b", f"'{kind}{secret}',"):
            assert "canary" not in redact_text(text).lower()
            assert f"{kind}***" in redact_text(text)
    assert redact_text("short_name and depth_of_field_of_view") == "short_name and depth_of_field_of_view"
