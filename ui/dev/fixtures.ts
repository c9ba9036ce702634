import type {
  Camera,
  ClipDetection,
  HaechiEvent,
  Line,
  Rule,
  Settings,
  SystemInfo,
  User,
  Zone,
} from "../src/api/types";

/** Made-up site for the development server. */

export const LOOP_S = 20;
export const FPS = 15;
export const SCENES = ["door", "yard", "shop", "garage"] as const;
export const started = Date.now();

const status = (
  state: Camera["status"]["state"],
  error: Camera["status"]["error"] = null,
): Camera["status"] => ({
  state,
  since_ms: started - 3_600_000,
  attempt: state === "connecting" ? 3 : 0,
  error,
  codec: state === "live" ? "h264" : null,
  width: 960,
  height: 540,
  fps: 15,
  bitrate_bps: 1_480_000,
  audio_codec: null,
  run: 4,
});

const camera = (id: string, name: string, position: number, at: Camera["status"]): Camera => ({
  id,
  name,
  url: `rtsp://192.168.1.${20 + position}:554/stream1`,
  has_credentials: position % 2 === 0,
  transport: "tcp",
  enabled: at.state !== "disabled",
  audio: false,
  position,
  created_ms: started - 86_400_000 * 9,
  status: at,
});

export const cameras: Camera[] = [
  camera("cam_door", "Front door", 0, status("live")),
  camera("cam_yard", "Yard", 1, status("live")),
  camera("cam_shop", "Shop floor", 2, status("live")),
  camera("cam_garage", "Garage", 3, status("live")),
  camera(
    "cam_store",
    "Store room",
    4,
    status("offline", { code: "unreachable", message: "192.168.1.24:554 refused the connection" }),
  ),
  camera("cam_attic", "Attic", 5, status("disabled")),
];

export const zones = new Map<string, Zone[]>([
  [
    "cam_door",
    [
      {
        id: "zon_1",
        name: "Doorstep",
        colour: "#f0682a",
        points: [
          [0.32, 0.45],
          [0.68, 0.45],
          [0.76, 0.95],
          [0.24, 0.95],
        ],
      },
    ],
  ],
]);

export const lines = new Map<string, Line[]>();

export const rules = new Map<string, Rule[]>([
  [
    "cam_door",
    [
      {
        id: "rul_1",
        name: "Person at the door",
        kind: "object",
        line: null,
        way: "both",
        count: 3,
        speed_kmh: 30,
        ground: null,
        hours: null,
        zone: "zon_1",
        label: "person",
        min_score: 0.5,
        min_duration_s: 2,
        cooldown_s: 30,
        severity: "alert",
        enabled: true,
      },
    ],
  ],
]);

const LABELS = ["person", "person", "car", "person", "dog"] as const;
const SEVERITIES = ["alert", "detection", "detection"] as const;

export const events: HaechiEvent[] = Array.from({ length: 64 }, (_unused, index) => {
  const at = cameras[index % 4] as Camera;
  const start_ms = started - 45_000 - index * index * 61_000;
  const label = LABELS[index % LABELS.length] as string;
  return {
    id: `evt_${index}`,
    source: "vision",
    camera: at.id,
    camera_name: at.name,
    rule: label === "person" ? "Person in a forbidden zone" : "Object seen",
    zone: index % 3 === 0 ? "Doorstep" : null,
    kind: "object",
    detail: "",
    label,
    severity: SEVERITIES[index % 3] as HaechiEvent["severity"],
    score: 0.95 - (index % 9) * 0.04,
    start_ms,
    end_ms: start_ms + 4_000 + (index % 7) * 2_500,
    reviewed: index > 11,
    has_clip: true,
    frame: {
      ref: `${at.id}/main:4:${index}`,
      captured_ns: `${start_ms + 1_000}000000`,
      box: boxAt(2.5, index % 4),
    },
  };
});

/** Where the rendered person stands `s` seconds into the loop of scene `seed`. */
export function boxAt(s: number, seed: number): [number, number, number, number] {
  const x = (960 - 208) * (0.5 - 0.5 * Math.cos((2 * Math.PI * Math.floor(s * FPS)) / (FPS * LOOP_S) + seed));
  return [x / 960, 230 / 540, 208 / 960, 260 / 540];
}

export function clipDetections(event: HaechiEvent): ClipDetection[] {
  const seed = Math.max(
    0,
    cameras.findIndex((row) => row.id === event.camera),
  );
  return Array.from({ length: 40 }, (_unused, index) => ({
    ref: `${event.camera}/main:4:${index * 3}`,
    captured_ns: `${event.start_ms + index * 200}000000`,
    clip_s: index * 0.2,
    boxes: [{ label: event.label, score: 0.9, box: boxAt(index * 0.2, seed), track: 1 }],
  }));
}

export const users: User[] = [
  { id: "usr_1", name: "admin", role: "admin", cameras: null, may_speak: true },
  { id: "usr_2", name: "minji", role: "viewer", cameras: ["cam_door", "cam_shop"], may_speak: false },
];

export const settings: Settings = {
  retention_days: 30,
  min_free_bytes: 5_000_000_000,
  time_zone: "Asia/Seoul",
};

export const system = (): SystemInfo => ({
  version: "0.1.0",
  started_ms: started,
  cameras: { total: cameras.length, live: cameras.filter((row) => row.status.state === "live").length },
  storage: {
    path: "/var/lib/haechi/record",
    used_bytes: 84_300_000_000,
    free_bytes: 391_000_000_000,
    oldest_ms: started - 9 * 86_400_000,
  },
  cpu: 0.31,
  models: [
    { role: "objects", name: "PicoDet-S", version: "1.0.0", licence: "Apache-2.0", ready: true },
    { role: "people", name: "YOLOX-tiny HumanArt", version: "0.70.1", licence: "Apache-2.0", ready: false },
  ],
  demo: true,
  time_zone: settings.time_zone,
});
