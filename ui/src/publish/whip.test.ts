import { expect, test } from "vitest";
import { answerFault, measured, mediaFault, preferred } from "./whip";

test("H.264 is offered and nothing else, the usual mode first; VP8 where there is none", () => {
  const codings = [
    { mimeType: "video/VP8" },
    { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=0;profile-level-id=42e01f" },
    { mimeType: "video/rtx" },
    { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=1;profile-level-id=42e01f" },
  ];
  expect(preferred(codings)).toEqual([codings[3], codings[1]]);
  expect(preferred([{ mimeType: "video/VP9" }])).toEqual([]);
  const vp8 = { mimeType: "video/VP8" };
  expect(preferred([{ mimeType: "video/VP9" }, vp8, { mimeType: "video/rtx" }])).toEqual([vp8]);
});

test("what the browser and the server refuse is told as what a person can do something about", () => {
  expect(mediaFault("NotAllowedError")).toBe("no-permission");
  expect(mediaFault("NotFoundError")).toBe("no-camera");
  expect(mediaFault("NotReadableError")).toBe("camera-busy");
  expect(answerFault(422, "offer-without-h264")).toMatchObject({ fault: "no-h264", passing: false });
  expect(answerFault(409, "camera-connected")).toMatchObject({ fault: "taken", passing: true });
  expect(answerFault(401, "wrong-publish-token")).toMatchObject({ fault: "not-allowed", passing: false });
  expect(answerFault(503, "whip-not-ready")).toMatchObject({ fault: "not-ready", passing: true });
  expect(answerFault(409, "camera-disabled")).toMatchObject({ fault: "not-ready", passing: false });
  expect(answerFault(500, "internal")).toMatchObject({ fault: "unreachable", passing: true });
});

test("the rate is that between two looks, sound and picture together", () => {
  const rows = (bytes: number, ms: number) => [
    {
      type: "outbound-rtp",
      kind: "video",
      bytesSent: bytes,
      timestamp: ms,
      framesPerSecond: 29.6,
      frameWidth: 640,
    },
    { type: "outbound-rtp", kind: "audio", bytesSent: 1000, timestamp: ms },
    { type: "transport", bytesSent: 9, timestamp: ms },
  ];
  const [first, sample] = measured(rows(10_000, 1000), null);
  expect(first.kbps).toBe(0);
  const [second] = measured(rows(135_000, 2000), sample);
  expect(second).toEqual({ kbps: 1000, fps: 30, width: 640, height: 0, spokenTo: false });
});

test("somebody speaks to the page as long as sound comes", () => {
  const rows = (packets: number) => [{ type: "inbound-rtp", kind: "audio", packetsReceived: packets }];
  const [first, before] = measured(rows(0), null);
  const [second, sample] = measured(rows(12), before);
  const [third] = measured(rows(12), sample);
  expect([first, second, third].map((one) => one.spokenTo)).toEqual([false, true, false]);
});
