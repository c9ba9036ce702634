import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runOf, Stamps, unitsOf } from "./hlsunits";

/** moof (mfhd, traf: tfhd, tfdt, trun of one sample) and mdat, as the server's muxer writes them. */
function chunk(seq: number, dts: number, later: number, payload: number): Uint8Array {
  const bytes = new Uint8Array(112 + payload);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: number): void => view.setUint32(at, value);
  const name = (at: number, text: string): void => {
    for (const [index, letter] of [...text].entries()) bytes[at + index] = letter.charCodeAt(0);
  };
  word(0, 104);
  name(4, "moof");
  word(8, 16);
  name(12, "mfhd");
  word(20, seq + 1);
  word(24, 80);
  name(28, "traf");
  word(32, 16);
  name(36, "tfhd");
  word(40, 0x020000);
  word(44, 1);
  word(48, 20);
  name(52, "tfdt");
  word(56, 0x01000000);
  view.setBigUint64(60, BigInt(dts));
  word(68, 36);
  name(72, "trun");
  word(76, 0x01000f01);
  word(80, 1);
  word(84, 112);
  word(88, 3_000);
  word(92, payload);
  word(96, 0);
  view.setInt32(100, later);
  word(104, 8 + payload);
  name(108, "mdat");
  return bytes;
}

describe("units of a piece of HLS", () => {
  it("are those of its chunks, with their numbers and times", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(1e6), fc.nat(1e9), fc.integer({ min: 0, max: 9_000 }), fc.nat(50))),
        (rows) => {
          const parts = rows.map(([seq, dts, later, size]) => chunk(seq, dts, later, size));
          const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
          let at = 0;
          for (const part of parts) {
            whole.set(part, at);
            at += part.length;
          }
          expect(unitsOf(whole)).toEqual(
            rows.map(([seq, dts, later]) => ({ seq, at: (dts + later) / 90_000 })),
          );
        },
      ),
    );
  });

  it("are none where the bytes are not ours, and looking for them ends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        expect(unitsOf(noise).length).toBeLessThan(20);
      }),
    );
  });

  it("belong to the run that stands in the address of what goes before them", () => {
    expect(runOf("https://host/cam_a/hls/main/video/i17.0.mp4")).toBe(17);
    expect(runOf("https://host/cam_a/hls/main/video/i17.2.mp4?token=x")).toBe(17);
    expect(runOf("https://host/init.mp4")).toBeNull();
    expect(runOf(undefined)).toBeNull();
  });

  it("have the stamps that the server told, of which the oldest go", () => {
    const stamps = new Stamps(2);
    stamps.add(1, 1, 11n);
    stamps.add(1, 2, 12n);
    stamps.add(1, 3, 13n);
    expect([stamps.of(1, 1), stamps.of(1, 3), stamps.of(2, 3)]).toEqual([null, 13n, null]);
  });
});
