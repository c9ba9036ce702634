import type { Camera } from "@/api/types";
import type { TileStatus } from "@/player/tile";

export type FaceKind =
  | "live"
  | "connecting"
  | "offline"
  | "waiting"
  | "peer"
  | "disabled"
  | "frozen"
  | "stills"
  | "denied"
  | "failed";

export interface Face {
  kind: FaceKind;
  sinceMs: number;
  attempt: number;
  code: string;
  message: string;
}

/** Rights were taken away while the page was open; it learns a little later that the camera is not there for it. */
const DENIED = new Set(["camera-not-found", "watching-withdrawn"]);

/** One word for a tile, from what the server says of the camera and what the player sees of its picture. */
export function faceOf(camera: Camera, tile: TileStatus | null): Face {
  const { status } = camera;
  const code = status.error?.code ?? "";
  const message = status.error?.message ?? "";
  const ofCamera = (kind: FaceKind): Face => ({
    kind,
    sinceMs: status.since_ms,
    attempt: status.attempt,
    code,
    message,
  });
  if (!camera.enabled || status.state === "disabled") return ofCamera("disabled");
  if (status.state === "peer") return ofCamera("peer");
  if (tile?.state === "failed" && DENIED.has(tile.code)) {
    return { kind: "denied", sinceMs: tile.sinceMs, attempt: 0, code: "", message: "" };
  }
  if (tile !== null && (tile.state === "live" || tile.state === "stills" || tile.state === "failed")) {
    return { kind: tile.state, sinceMs: tile.sinceMs, attempt: 0, code: tile.code, message: tile.message };
  }
  if (status.state === "offline" || status.state === "waiting") return ofCamera(status.state);
  if (tile?.state === "frozen")
    return { kind: "frozen", sinceMs: tile.sinceMs, attempt: 0, code: "", message: "" };
  if (status.state === "connecting") return ofCamera("connecting");
  return {
    kind: "connecting",
    sinceMs: tile?.sinceMs ?? 0,
    attempt: tile?.attempt ?? 0,
    code: tile?.code ?? "",
    message: tile?.message ?? "",
  };
}
