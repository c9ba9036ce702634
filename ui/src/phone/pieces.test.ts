import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readPaired } from "./camera/paired";
import { networkName } from "./camera/senses";
import { codeFrom, isWhole, plainCode, shownCode } from "./code";
import { preferring } from "./codings";
import { parsed, wishOf } from "./messages";
import { rateFor } from "./rate";

test("a code is read however it is typed", () => {
  expect(shownCode("abcd efgh")).toBe("ABCD-EFGH");
  expect(shownCode("ＡＢＣＤ－２３４５")).toBe("ABCD-2345");
  expect(shownCode("abc")).toBe("ABC");
  expect(shownCode("ab-cd-2345-99")).toBe("ABCD-2345");
  expect([isWhole("ABCD-EFG"), isWhole("abcdefgh")]).toEqual([false, true]);
});

test("typing goes on from what is shown, whatever it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (typed) => {
      expect(shownCode(shownCode(typed))).toBe(shownCode(typed));
      expect(plainCode(typed)).toMatch(/^[A-Z0-9]{0,8}$/);
    }),
  );
});

test("the code of a link leaves the address; what else stands there stays", () => {
  expect(codeFrom("https://h.example/phone?code=abcd-2345")).toEqual({ code: "ABCD-2345", rest: "/phone" });
  expect(codeFrom("https://h.example/phone?a=1&code=x")).toEqual({ code: null, rest: "/phone?a=1" });
  expect(codeFrom("https://h.example/phone#code=ABCD2345")).toEqual({ code: "ABCD-2345", rest: "/phone" });
});

test("what is sent shrinks with the picture and with the number of viewers, and never to nothing", () => {
  expect(rateFor(720, 720, 1)).toEqual({ maxBitrate: 2_500_000, scaleResolutionDownBy: 1 });
  expect(rateFor(240, 720, 1).scaleResolutionDownBy).toBe(3);
  expect(rateFor(1080, 720, 1)).toEqual(rateFor(720, 720, 1));
  expect(rateFor(720, 720, 4).maxBitrate).toBe(1_500_000);
  fc.assert(
    fc.property(
      fc.integer({ min: 90, max: 4320 }),
      fc.integer({ min: 0, max: 4320 }),
      fc.nat(500),
      (want, has, viewers) => {
        const { maxBitrate, scaleResolutionDownBy } = rateFor(want, has, viewers);
        expect(maxBitrate).toBeGreaterThanOrEqual(150_000);
        expect(maxBitrate * Math.max(1, viewers)).toBeLessThanOrEqual(
          Math.max(6_000_000 + viewers, 150_000 * viewers),
        );
        expect(scaleResolutionDownBy).toBeGreaterThanOrEqual(1);
      },
    ),
  );
});

test("H.264 is preferred and nothing is left out", () => {
  const vp8 = { mimeType: "video/VP8" };
  const rtx = { mimeType: "video/rtx" };
  const old = { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=0" };
  const usual = { mimeType: "video/H264", sdpFmtpLine: "profile-level-id=42e01f;packetization-mode=1" };
  expect(preferring([vp8, rtx, old, usual])).toEqual([usual, old, vp8, rtx]);
});

test("a wish is carried out only if it is one", () => {
  expect(wishOf('{"type":"torch","on":true}')).toEqual({ type: "torch", on: true });
  expect(wishOf('{"type":"facing","facing":"user","more":1}')).toEqual({ type: "facing", facing: "user" });
  expect(wishOf('{"type":"quality","height":480}')).toEqual({ type: "quality", height: 480 });
  for (const bad of [
    '{"type":"torch"}',
    '{"type":"quality","height":1e9}',
    '{"type":"facing","facing":"up"}',
    "[]",
    "x",
    "null",
  ])
    expect(wishOf(bad), bad).toBeNull();
  expect(wishOf(new ArrayBuffer(4))).toBeNull();
  expect(parsed(`{"type":"${"x".repeat(70_000)}"}`)).toBeNull();
});

test("what is kept of a pairing is whole or nothing", () => {
  expect(readPaired('{"camera":"cam_1","token":"hph_x","name":"Kitchen"}')).toEqual({
    camera: "cam_1",
    token: "hph_x",
    name: "Kitchen",
  });
  for (const bad of [null, "", "{", "null", '{"camera":"cam_1"}', '{"camera":1,"token":"x"}'])
    expect(readPaired(bad), String(bad)).toBeNull();
});

test("a network that the browser has another word for is unknown", () => {
  expect([
    networkName("wifi"),
    networkName("cellular"),
    networkName("mixed"),
    networkName(undefined),
  ]).toEqual(["wifi", "cellular", "unknown", "unknown"]);
});
