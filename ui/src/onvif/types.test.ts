import { describe, expect, it } from "vitest";
import { offered } from "./reports";
import { linkOf, matching, type OnvifDevice, type OnvifProfile } from "./types";

const profile = (token: string, width: number, url: string, codec = "h264"): OnvifProfile => ({
  token,
  name: token,
  codec,
  width,
  height: (width * 9) / 16,
  fps: 15,
  bitrate_bps: 0,
  url,
});

const device = (...profiles: OnvifProfile[]): OnvifDevice => ({
  url: "http://192.0.2.20/onvif/device_service",
  manufacturer: "",
  model: "",
  firmware: "",
  serial: "",
  ptz: false,
  events: true,
  clock_difference_s: null,
  profiles,
});

const MAIN = profile("main", 1920, "rtsp://192.0.2.20:554/main?x=1");
const SUB = profile("sub", 640, "rtsp://192.0.2.20:554/sub");
const TINY = profile("tiny", 320, "rtsp://192.0.2.20:554/tiny", "mjpeg");

describe("a link to a device", () => {
  it("remembers the smallest other stream that is smaller and can be taken", () => {
    expect(linkOf(device(MAIN, SUB, TINY), MAIN)).toEqual({
      url: "http://192.0.2.20/onvif/device_service",
      profile: "main",
      sub: { url: SUB.url, codec: "h264", width: 640, height: 360, fps: 15 },
    });
  });

  it("remembers none when the chosen one is the smallest, or the others tell no address", () => {
    expect(linkOf(device(MAIN, SUB), SUB).sub).toBeNull();
    expect(linkOf(device(MAIN, profile("sub", 640, "")), MAIN).sub).toBeNull();
  });
});

describe("the profile of a stream", () => {
  it("is found however the address is written", () => {
    expect(matching(device(MAIN, SUB), "rtsp://192.0.2.20/main?x=1")).toBe(MAIN);
    expect(matching(device(MAIN, SUB), "RTSP://192.0.2.20:554/sub/")).toBe(SUB);
    expect(matching(device(MAIN, SUB), "rtsp://192.0.2.20:8554/sub")).toBeUndefined();
  });
});

describe("what a camera says that it can tell", () => {
  it("is grouped by kind, without what is of none", () => {
    const topics = [
      { topic: "VideoSource/MotionAlarm", kind: "motion" as const },
      { topic: "RuleEngine/CellMotionDetector/Motion", kind: "motion" as const },
      { topic: "Monitoring/ProcessorUsage", kind: null },
    ];
    expect(offered({ topics, error: null })).toEqual(
      new Map([["motion", ["VideoSource/MotionAlarm", "RuleEngine/CellMotionDetector/Motion"]]]),
    );
  });

  it("is not known before it answered, or when it could not", () => {
    expect(offered(undefined)).toBeNull();
    expect(offered({ topics: [], error: { code: "tcp-refused", message: "" } })).toBeNull();
  });
});
