/** What phone, viewer and server say to each other (docs/ref/phones.md). JSON texts over WebSockets, and over `control`. */

export type Facing = "user" | "environment";

/** What a phone on duty tells of itself. Null: its browser does not say. */
export interface PhoneState {
  battery: number | null;
  charging: boolean | null;
  network: string;
  torch: boolean | null;
  can_torch: boolean;
  muted: boolean;
  facing: Facing;
  dimmed: boolean;
  hidden: boolean;
  /** The shutter is closed: no picture and no sound leave the phone. */
  private: boolean;
  /** Whether it is loud there; null: the phone was not asked to listen for that. */
  loud: boolean | null;
}

export interface Description {
  type: RTCSdpType;
  sdp: string;
}

export type Relayed =
  | { type: "description"; peer: string; description: Description }
  | { type: "candidate"; peer: string; candidate: RTCIceCandidateInit | null }
  | { type: "bye"; peer: string; reason: string };

export interface PhoneSettings {
  record: boolean;
  /** A camera that is switched off has no viewers. */
  enabled?: boolean;
}

export type ToCamera =
  | { type: "welcome"; camera: string; name: string; settings: PhoneSettings; ice_servers: RTCIceServer[] }
  | { type: "viewer"; peer: string; name: string; may_speak: boolean; ice_servers: RTCIceServer[] }
  | { type: "left"; peer: string }
  | { type: "settings"; settings: PhoneSettings }
  | { type: "ended"; reason: string }
  | Relayed;

export type ToViewer =
  | {
      type: "welcome";
      peer: string;
      online: boolean;
      state: PhoneState | null;
      ice_servers: RTCIceServer[];
      name: string;
      may_speak: boolean;
      /** False: it was unpaired, and does not come back by itself. */
      paired?: boolean;
      /** Since when it is there, or is not; null: it never was. */
      since_ms: number | null;
    }
  | { type: "online" }
  | { type: "offline"; since_ms: number }
  | { type: "pairing"; paired: boolean }
  | { type: "state"; state: PhoneState }
  | { type: "denied"; reason: "forbidden" | "signed-out" | "too-many-viewers" | "too-many-messages" }
  | Relayed;

/** Viewer to camera, by the data channel. */
export type Wish =
  | { type: "torch"; on: boolean }
  | { type: "facing"; facing: Facing }
  | { type: "quality"; height: number }
  | { type: "talk"; on: boolean };

/** Camera to viewer, by the data channel. `floor`: who may speak; one at a time. */
export type Told = { type: "state"; state: PhoneState } | { type: "floor"; yours: boolean; busy: boolean };

const MOST_CHARACTERS = 65_536;

/** A text from outside as a message; null where it is none. What it holds is checked where it is used. */
export function parsed<M extends { type: string }>(text: unknown): M | null {
  if (typeof text !== "string" || text.length > MOST_CHARACTERS) return null;
  try {
    const value: unknown = JSON.parse(text);
    const fits = typeof value === "object" && value !== null && "type" in value;
    return fits && typeof value.type === "string" ? (value as M) : null;
  } catch {
    return null;
  }
}

export const QUALITIES = [1080, 720, 480, 240] as const;

/** A wish of a viewer, if it is one that can be carried out. */
export function wishOf(text: unknown): Wish | null {
  const wish = parsed<{ type: string } & Record<string, unknown>>(text);
  if (wish === null) return null;
  const { type, on, facing, height } = wish;
  if ((type === "torch" || type === "talk") && typeof on === "boolean") return { type, on };
  if (type === "facing" && (facing === "user" || facing === "environment")) return { type, facing };
  if (type === "quality" && typeof height === "number" && height >= 90 && height <= 4320)
    return { type, height };
  return null;
}
