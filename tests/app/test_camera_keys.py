"""The key of a camera that dials, from one server to another by the command line."""

from pathlib import Path

from tests.app.test_cli import Shell


def test_a_camera_is_known_at_another_server_under_its_id_and_again_after_a_new_token(tmp_path: Path) -> None:
    here, there, file = Shell(tmp_path / "here"), Shell(tmp_path / "there"), tmp_path / "key.json"
    added = here.run("camera", "add", "reverse:", "--name", "Dock [2]")
    camera = added.stdout.split()[1]
    token = next(word for word in added.stdout.split() if word.startswith("hrt_"))
    exported = here.run("camera", "export-key", camera)
    assert exported.exit_code == 0
    assert token not in exported.stdout
    file.write_text(exported.stdout)
    assert there.run("camera", "import-key", str(file)).stdout.split() == ["added", camera, "Dock", "[2]"]
    listed = there.run("camera", "list").stdout
    assert camera in listed
    assert "reverse:" in listed
    here.run("camera", "token", camera)
    file.write_text(here.run("camera", "export-key", camera).stdout)
    assert there.run("camera", "import-key", str(file)).stdout.startswith("key renewed")


def test_a_file_that_is_no_key_and_a_camera_without_one_are_refused(tmp_path: Path) -> None:
    shell, file = Shell(tmp_path), tmp_path / "key.json"
    assert shell.fails("camera", "import-key", str(file)).code == "bad-camera-key"
    file.write_text('{"form": "haechi camera key 1"}')
    assert shell.fails("camera", "import-key", str(file)).code == "bad-camera-key"
    camera = shell.run("camera", "add", "rtsp://192.0.2.1/live").stdout.split()[1]
    assert shell.fails("camera", "export-key", camera).code == "camera-not-reverse"
    assert shell.fails("camera", "export-key", "cam_nobody").code == "camera-not-found"
