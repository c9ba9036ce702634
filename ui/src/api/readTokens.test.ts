import { expect, test } from "vitest";
import { shown } from "./readTokens";

const at = {
  rtsp: "rtsp://cam.lan:8554/cam_a",
  hls: "/cam_a/index.m3u8",
  mjpeg: "/cam_a/live.mjpeg",
  whep: "/cam_a/whep",
};
const token = {
  read_token: {
    id: "rdt_a",
    name: "TV",
    user_id: "usr_a",
    user: "Ann",
    cameras: null,
    created_ms: 0,
    expires_ms: null,
    used_ms: null,
  },
  token: "hrt_x-Y_z",
};

test("with a token every address can be given to a player as it is", () => {
  expect(Object.fromEntries(shown(at, "http://cam.lan:8300", token))).toEqual({
    rtsp: "rtsp://rdt_a:hrt_x-Y_z@cam.lan:8554/cam_a",
    hls: "http://cam.lan:8300/cam_a/index.m3u8?token=hrt_x-Y_z",
    mjpeg: "http://cam.lan:8300/cam_a/live.mjpeg?token=hrt_x-Y_z",
    whep: "http://cam.lan:8300/cam_a/whep?token=hrt_x-Y_z",
  });
});

test("without one they hold no secret, and RTSP is left out while nobody listens", () => {
  const ways = shown({ ...at, rtsp: null }, "http://cam.lan:8300", null);
  expect(ways.map(([way]) => way)).toEqual(["hls", "mjpeg", "whep"]);
  expect(JSON.stringify(ways)).not.toContain("token");
});
