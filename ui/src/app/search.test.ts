import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cameraSearch,
  camerasOf,
  eventsSearch,
  LAYOUTS,
  liveSearch,
  loginSearch,
  playbackSearch,
  settingsSearch,
  setupToken,
} from "./search";

test("whatever stands in the address, a screen gets values of its own kind or none", () => {
  const raw = fc.dictionary(
    fc.constantFrom(
      "camera",
      "t",
      "span",
      "label",
      "severity",
      "reviewed",
      "event",
      "layout",
      "page",
      "cameras",
      "speed",
      "large",
      "tab",
      "next",
    ),
    fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(fc.string())),
  );
  fc.assert(
    fc.property(raw, (search) => {
      const playback = playbackSearch(search);
      expect(playback.t === undefined || Number.isSafeInteger(playback.t)).toBe(true);
      expect(playback.speed === undefined || Math.abs(playback.speed) <= 16).toBe(true);
      expect(camerasOf(playback, ["cam_1", "cam_2"]).length).toBeLessThanOrEqual(2);
      expect(["alert", "detection", undefined]).toContain(eventsSearch(search).severity);
      expect([...LAYOUTS, undefined]).toContain(liveSearch(search).layout);
      cameraSearch(search);
      settingsSearch(search);
      const { next } = loginSearch(search);
      if (next !== undefined) expect(new URL(next, "https://site.test").host).toBe("site.test");
    }),
  );
});

test("a log-in link cannot lead to another site", () => {
  expect(loginSearch({ next: "//evil.test" }).next).toBeUndefined();
  expect(loginSearch({ next: "/\\evil.test" }).next).toBeUndefined();
  expect(loginSearch({ next: "https://evil.test" }).next).toBeUndefined();
  expect(loginSearch({ next: "/events?event=evt_1" }).next).toBe("/events?event=evt_1");
});

test("the set-up token is read from the fragment alone", () => {
  expect(setupToken("#token=abc_-1")).toBe("abc_-1");
  expect(setupToken("token=abc")).toBe("abc");
  expect(setupToken("")).toBeUndefined();
  expect(setupToken("#token=")).toBeUndefined();
});

test("playback shows the cameras of its address that exist, each once, and the first one by default", () => {
  const known = ["cam_1", "cam_2", "cam_3"];
  expect(camerasOf({}, known)).toEqual(["cam_1"]);
  expect(camerasOf({ camera: "cam_2" }, known)).toEqual(["cam_2"]);
  expect(camerasOf({ camera: "cam_9" }, known)).toEqual([]);
  expect(camerasOf({ camera: "cam_3", cameras: "cam_3,cam_1,cam_3,cam_9" }, known)).toEqual([
    "cam_3",
    "cam_1",
  ]);
  expect(camerasOf({ cameras: "cam_9" }, known)).toEqual([]);
});
