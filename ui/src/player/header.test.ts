import fc from "fast-check";
import { expect, test } from "vitest";
import { HEADER_BYTES, parseLiveMessage } from "./header";

function message(
  id: number,
  kind: number,
  flags: number,
  run: number,
  seq: bigint,
  ns: bigint,
  payload: Uint8Array,
) {
  const data = new ArrayBuffer(HEADER_BYTES + payload.length);
  const view = new DataView(data);
  view.setUint16(0, id);
  view.setUint8(2, kind);
  view.setUint8(3, flags);
  view.setUint32(4, run);
  view.setBigUint64(8, seq);
  view.setBigUint64(16, ns);
  new Uint8Array(data).set(payload, HEADER_BYTES);
  return data;
}

test("every field comes back as it was sent, captured_ns to the last nanosecond", () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.constantFrom(1, 2),
      fc.boolean(),
      fc.nat(0xffffffff),
      fc.bigInt(0n, 2n ** 53n - 1n),
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.uint8Array({ maxLength: 64 }),
      (id, kind, isSync, run, seq, ns, payload) => {
        const parsed = parseLiveMessage(message(id, kind, isSync ? 1 : 0, run, seq, ns, payload));
        expect(parsed?.header).toEqual({ id, kind, isSync, run, seq: Number(seq), capturedNs: ns });
        expect([...(parsed?.payload ?? [])]).toEqual([...payload]);
      },
    ),
  );
});

test("a short message and an unknown kind are ignored, never thrown on", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: HEADER_BYTES - 1 }), (bytes) => {
      expect(parseLiveMessage(bytes.slice().buffer)).toBeNull();
    }),
  );
  expect(parseLiveMessage(message(1, 9, 0, 0, 0n, 0n, new Uint8Array()))).toBeNull();
});
