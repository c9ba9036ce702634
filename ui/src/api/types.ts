import type { ExportJob } from "./keeping";

/** What the HTTP and WebSocket contract carries. Times are integer milliseconds; `captured_ns` is exact, as decimal text. */

export type CameraState = "live" | "connecting" | "offline" | "waiting" | "peer" | "disabled";
export type Transport = "auto" | "tcp" | "udp";
export type Role = "admin" | "viewer";
/** `alert`: somebody should look now; `detection`: good to know. */
export type Severity = "alert" | "detection";
export type Box = [x: number, y: number, w: number, h: number];
export type Point = [x: number, y: number];

export interface Fault {
  code: string;
  message: string;
}

export interface CameraStatus {
  state: CameraState;
  since_ms: number;
  attempt: number;
  error: Fault | null;
  codec: string | null;
  width: number | null;
  height: number | null;
  fps: number | null;
  bitrate_bps: number | null;
  audio_codec: string | null;
  run: number | null;
}

export interface Camera {
  id: string;
  name: string;
  url: string;
  has_credentials: boolean;
  transport: Transport;
  enabled: boolean;
  audio: boolean;
  position: number;
  created_ms: number;
  status: CameraStatus;
}

export interface CameraDraft {
  name: string;
  url: string;
  username?: string;
  password?: string;
  transport: Transport;
  enabled: boolean;
  audio: boolean;
}

export type HopName =
  | "site"
  | "rtmp"
  | "device"
  | "dns"
  | "tcp"
  | "tls"
  | "http"
  | "playlist"
  | "segment"
  | "rtsp"
  | "auth"
  | "describe"
  | "setup"
  | "picture";

export interface Hop {
  hop: HopName;
  ok: boolean;
  ms: number;
  detail: string;
}

export interface ProbeReport {
  ok: boolean;
  hops: Hop[];
  error: Fault | null;
  codec: string | null;
  width: number | null;
  height: number | null;
  audio_codec: string | null;
  still: string | null;
}

export interface Zone {
  id?: string;
  name: string;
  points: Point[];
  colour: string;
}

/** `forward` is the way from the left of the line to its right, for who walks from its first point to the last. */
export interface Line extends Zone {
  forward: string;
  backward: string;
  /** Classes that are counted without a rule. */
  labels: string[];
}

export const RULE_KINDS = ["object", "crossing", "dwell", "crowd", "speed", "fall", "left", "taken"] as const;
export type RuleKind = (typeof RULE_KINDS)[number];
export const WAYS_OVER = ["both", "forward", "backward"] as const;

/** A rectangle on the ground, or the two ends of a stretch on it, and its sides in metres. */
export interface Ground {
  points: Point[];
  width_m: number;
  length_m: number;
}

export interface Week {
  hours: { days: number[]; start_min: number; end_min: number }[];
  outside: boolean;
}

export interface LineCounts {
  line: string;
  name: string;
  colour: string;
  forward: string;
  backward: string;
  forward_total: number;
  backward_total: number;
  inside: number;
  labels: { label: string; forward: number[]; backward: number[] }[];
}

export interface Counts {
  time_zone: string;
  bucket: "quarter" | "hour" | "day";
  starts_ms: number[];
  end_ms: number;
  lines: LineCounts[];
}

export interface Rule {
  id?: string;
  name: string;
  kind: RuleKind;
  line: string | null;
  way: (typeof WAYS_OVER)[number];
  count: number;
  speed_kmh: number;
  ground: Ground | null;
  hours: Week | null;
  zone: string | null;
  label: string;
  min_score: number;
  min_duration_s: number;
  cooldown_s: number;
  severity: Severity;
  enabled: boolean;
}

export interface Span {
  start_ms: number;
  end_ms: number;
}

export interface Gap extends Span {
  cause: string;
  detail: string;
}

export interface HaechiEvent {
  id: string;
  /** Who noticed it: we, or the camera by itself; then `rule` is the camera's word for it, and the score says nothing. */
  source: "vision" | "camera";
  camera: string;
  camera_name: string;
  rule: string | null;
  zone: string | null;
  /** Of the rule; and how many, how fast or which way, where the kind has such. */
  kind: string;
  detail: string;
  label: string;
  severity: Severity;
  score: number;
  start_ms: number;
  end_ms: number | null;
  reviewed: boolean;
  has_clip: boolean;
  frame: { ref: string; captured_ns: string; box: Box } | null;
}

/** x and y in shares of the picture, and how sure it is. */
export type Joint = [x: number, y: number, score: number];

export interface DetectedBox {
  label: string;
  score: number;
  box: Box;
  track: number | null;
  /** Joints, where they were looked for. */
  points?: Joint[];
}

export interface ClipDetection {
  ref: string;
  captured_ns: string;
  clip_s: number;
  boxes: DetectedBox[];
}

export interface EventDetail extends HaechiEvent {
  model: { name: string; hash: string } | null;
  config_hash: string | null;
  clip: Span | null;
  report: { topic: string; items: [name: string, value: string][] } | null;
  detections: ClipDetection[];
}

export interface EventPage {
  events: HaechiEvent[];
  next_before_ms: number | null;
  unreviewed: number;
}

export interface Timeline {
  spans: Span[];
  gaps: Gap[];
  events: HaechiEvent[];
}

export interface ReplayReport {
  identical: boolean;
  stage: string | null;
  compared: number;
  differing: number;
  message: string;
}

export interface User {
  id: string;
  name: string;
  role: Role;
  cameras: string[] | null;
  /** Whether they may speak to the cameras that they see. */
  may_speak: boolean;
}

export interface Session {
  user: User;
  csrf: string;
}

export interface ModelInfo {
  role: string;
  name: string;
  version: string;
  licence: string;
  ready: boolean;
}

export interface SystemInfo {
  version: string;
  started_ms: number;
  cameras: { total: number; live: number };
  storage: { path: string; used_bytes: number; free_bytes: number; oldest_ms: number | null };
  cpu: unknown;
  models: ModelInfo[];
  demo: boolean;
  time_zone: string;
}

export interface Settings {
  retention_days: number;
  min_free_bytes: number;
  time_zone: string;
}

/** How far something holds, [0, 1], from `t0_s` to `t1_s` (seconds since 1970). */
export interface ScoreOut {
  name: string;
  value: number;
  t0_s: number;
  t1_s: number;
  reasons: string[];
}

export type ServerMessage =
  | { type: "event"; event: HaechiEvent }
  | { type: "camera"; camera: Camera }
  | { type: "export"; export: ExportJob }
  | { type: "activity"; camera: string; tracked: boolean }
  | { type: "scores"; camera: string; module: string; scores: ScoreOut[] }
  | { type: "detections"; camera: string; ref: string; captured_ns: string; boxes: DetectedBox[] };
