import { expect, test } from "vitest";
import { KIND_STAMP, parseLiveMessage, stampOf } from "./header";
import { RtpUnits } from "./rtpunits";
import { Barred, Rungs } from "./rungs";
import { received } from "./webrtc";

const WAYS = ["webrtc", "mse", "hls", "stills"] as const;

test("what the camera does not allow is left at once, and not tried again for this camera alone", () => {
  const barred = new Barred();
  const rungs = new Rungs("auto", WAYS, barred);
  expect(rungs.current(0)).toBe("webrtc");
  expect(rungs.failed("webrtc", "pictures-reordered", 0)).toBe("down");
  expect(rungs.current(0)).toBe("mse");
  expect(rungs.failed("mse", "codec-not-playable", 0)).toBe("down");
  expect(rungs.current(0)).toBe("hls");
  expect(rungs.failed("hls", "codec-not-playable", 0)).toBe("down");
  expect(rungs.current(0)).toBe("stills");
  expect(rungs.failed("stills", "anything", 0)).toBe("again");
  expect(new Rungs("auto", WAYS, barred).current(0)).toBe("webrtc");
});

test("what the network does not let through no camera tries again for some minutes, until the network is another", () => {
  const barred = new Barred();
  const rungs = new Rungs("auto", WAYS, barred);
  expect(rungs.failed("webrtc", "engine-unreachable", 1_000)).toBe("down");
  const other = new Rungs("auto", WAYS, barred);
  expect(other.current(2_000)).toBe("mse");
  expect(other.current(301_000)).toBe("webrtc");
  expect(other.failed("webrtc", "engine-no-picture", 400_000)).toBe("down");
  other.reset();
  expect(other.current(400_000)).toBe("webrtc");
});

test("what breaks for a moment is taken up again, until it breaks too often", () => {
  const rungs = new Rungs("auto", WAYS, new Barred());
  for (let at = 0; at < 10; at += 1) expect(rungs.failed("webrtc", "stream-not-live", at)).toBe("again");
  expect(rungs.failed("webrtc", "engine-lost", 0)).toBe("again");
  expect(rungs.failed("webrtc", "engine-lost", 61_000)).toBe("again");
  expect(rungs.failed("webrtc", "engine-stuck", 62_000)).toBe("again");
  expect(rungs.current(62_000)).toBe("webrtc");
  expect(rungs.failed("webrtc", "engine-lost", 63_000)).toBe("down");
  expect(rungs.current(63_000)).toBe("mse");
});

test("who chose a way gets this one or a word, and nobody gets what is not theirs", () => {
  const barred = new Barred();
  const forced = new Rungs("webrtc", WAYS, barred);
  expect(forced.failed("webrtc", "viewer-lacks-codec", 0)).toBe("stop");
  expect(forced.failed("webrtc", "engine-unreachable", 0)).toBe("again");
  expect(forced.current(0)).toBe("webrtc");
  expect(barred.has("webrtc", 0)).toBe(false);
  expect(new Rungs("auto", WAYS, barred).failed("webrtc", "camera-not-found", 0)).toBe("stop");
});

test("a picture's RTP timestamp names its unit, as long as it is among the last", () => {
  const units = new RtpUnits(2);
  for (let seq = 0; seq < 3; seq += 1) units.add(seq * 6_000, { run: 1, seq, capturedNs: BigInt(seq) });
  expect(units.at(0)).toBeNull();
  expect(units.at(6_000)).toEqual({ run: 1, seq: 1, capturedNs: 1n });
  expect(units.at(6_001)).toBeNull();
});

test("a stamp is read as the server wrote it", () => {
  const view = new DataView(new ArrayBuffer(28));
  view.setUint16(0, 7);
  view.setUint8(2, KIND_STAMP);
  view.setUint32(4, 3);
  view.setBigUint64(8, 41n);
  view.setUint32(24, 0xfedcba98);
  const message = parseLiveMessage(view.buffer);
  expect(message?.header.seq).toBe(41);
  expect(message === null ? null : stampOf(message.header, message.payload)).toBe(0xfedcba98);
});

test("rates come of two samples, and the way of the codec that is used", () => {
  const rows = (ms: number, bytes: number) => [
    { type: "codec", id: "C1", mimeType: "video/H264" },
    { type: "inbound-rtp", kind: "audio", timestamp: ms, bytesReceived: 0 },
    {
      type: "inbound-rtp",
      kind: "video",
      timestamp: ms,
      bytesReceived: bytes,
      codecId: "C1",
      framesPerSecond: 15,
      jitterBufferDelay: ms / 10_000,
      jitterBufferEmittedCount: ms / 50,
    },
  ];
  const [, before] = received(rows(1_000, 1_000), null);
  const [rates] = received(rows(2_000, 126_000), before);
  expect(rates).toMatchObject({ mime: "video/H264", fps: 15, bitrateBps: 1_000_000, behindMs: 5 });
});
