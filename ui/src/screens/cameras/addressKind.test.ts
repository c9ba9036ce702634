import { expect, test } from "vitest";
import { hopsOf, recognise } from "./addressKind";

test.each([
  ["rtsp://192.168.1.20/stream1", "rtsp"],
  ["RTSPS://cam", "rtsp"],
  ["http://10.0.0.7/video.mjpg", "http"],
  ["https://cams.example.org/live.m3u8", "http"],
  ["https://www.youtube.com/watch?v=1", "site"],
  ["https://youtu.be/1", "site"],
  ["https://notyoutube.com/live.m3u8", "http"],
  ["rtmp://host/app/stream", "rtmp"],
  ["srt://host:9000", "unknown"],
  ["gopher://x", "unknown"],
  ["192.168.1.20", "empty"],
  ["", "empty"],
])("%s is %s", (text, kind) => {
  expect(recognise(text).kind).toBe(kind);
});

test("the way to a picture depends on the address", () => {
  expect(hopsOf("rtsp://a/b")).toContain("setup");
  expect(hopsOf("rtsps://a/b")).toContain("tls");
  expect(hopsOf("http://a/b")).toEqual(["dns", "tcp", "http", "auth", "picture"]);
  expect(hopsOf("webcam:0")).toEqual(["device", "picture"]);
  expect(hopsOf("rtmp://a/b")).toContain("rtmp");
  expect(hopsOf("site:https://youtu.be/1")[0]).toBe("site");
});
