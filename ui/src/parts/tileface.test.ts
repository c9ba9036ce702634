import { expect, test } from "vitest";
import type { Camera, CameraState } from "@/api/types";
import type { TileState, TileStatus } from "@/player/tile";
import { faceOf } from "./tileface";

const camera = (state: CameraState, enabled = true): Camera =>
  ({
    enabled,
    status: { state, since_ms: 5, attempt: 3, error: { code: "unreachable", message: "m" } },
  }) as Camera;
const tile = (state: TileState): TileStatus => ({ state, sinceMs: 9, attempt: 2, code: "c", message: "" });

test("a moving picture is live whatever the camera list said last", () => {
  expect(faceOf(camera("offline"), tile("live")).kind).toBe("live");
});

test("an offline camera names its fault and since when, also over a frozen picture", () => {
  expect(faceOf(camera("offline"), tile("frozen"))).toMatchObject({
    kind: "offline",
    sinceMs: 5,
    code: "unreachable",
  });
});

test("a picture that stands still is never shown without the word", () => {
  expect(faceOf(camera("live"), tile("frozen"))).toMatchObject({ kind: "frozen", sinceMs: 9 });
});

test("switched off is off; connecting counts tries", () => {
  expect(faceOf(camera("disabled"), null).kind).toBe("disabled");
  expect(faceOf(camera("live", false), tile("live")).kind).toBe("disabled");
  expect(faceOf(camera("connecting"), tile("waiting"))).toMatchObject({ kind: "connecting", attempt: 3 });
  expect(faceOf(camera("live"), tile("connecting"))).toMatchObject({ kind: "connecting", attempt: 2 });
});

test("a phone that is watched peer to peer has no picture here, and that is no fault", () => {
  expect(faceOf(camera("peer"), null).kind).toBe("peer");
  expect(faceOf(camera("peer"), tile("failed")).kind).toBe("peer");
});
