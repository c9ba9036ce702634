import type {
  AuditEntry,
  Bookmark,
  CameraPolicy,
  ExportJob,
  Minute,
  Policy,
  StorageReport,
} from "../src/api/keeping";
import { cameras, started } from "./fixtures";

/** Exports, bookmarks, storage, audit: the stand-in's answers. */

interface Call {
  body: Record<string, unknown>;
  search: URLSearchParams;
  id: string;
}
type Route = [method: string, path: RegExp, answer: (call: Call) => unknown];

const DAY = 86_400_000;
const GB = 1_000_000_000;
const names = new Map(cameras.map((camera) => [camera.id, camera.name]));

const job = (id: string, camera: string, more: Partial<ExportJob>): ExportJob => ({
  id,
  camera,
  name: `${(names.get(camera) ?? "").replace(" ", "_")}_2026-11-21_14-03-22.000+0900`,
  start_ms: started - 900_000,
  end_ms: started - 780_000,
  state: "done",
  progress: 1,
  bytes: 22_400_000,
  error: null,
  burn_in: false,
  sound: false,
  parts: [{ number: 1, bytes: 22_400_000, start_ms: started - 900_000, end_ms: started - 780_000 }],
  created_ms: started - 60_000,
  expires_ms: started + 7 * DAY,
  ...more,
});
let jobs: ExportJob[] = [
  job("exp_1", "cam_door", { state: "running", progress: 0.43, bytes: 0, expires_ms: null, parts: [] }),
  job("exp_2", "cam_yard", { name: "For the police", burn_in: true }),
  job("exp_3", "cam_shop", {
    state: "failed",
    progress: 0.7,
    bytes: 0,
    parts: [],
    error: { code: "recording-missing", message: "The recording is not there any more." },
  }),
];
let bookmarks: Bookmark[] = [
  ["bmk_1", "cam_door", "Parcel taken from the doorstep", true],
  ["bmk_2", "cam_yard", "", false],
  ["bmk_3", "cam_shop", "Till opened without a customer; ask Min-jun who had the shift that evening", true],
].map(([id, camera, note, keep], index) => ({
  id: String(id),
  camera: String(camera),
  start_ms: started - (index + 1) * 3_600_000,
  end_ms: index === 1 ? null : started - (index + 1) * 3_600_000 + 45_000,
  note: String(note),
  by: "admin",
  keep: keep === true,
  created_ms: started,
}));
let policy: Policy = {
  continuous_days: 30,
  motion_days: 30,
  event_days: 90,
  max_bytes: null,
  purpose: "Safety of the shop",
  audio: false,
};
const own = new Map<string, CameraPolicy>();
const NOTHING: CameraPolicy = {
  continuous_days: null,
  motion_days: null,
  event_days: null,
  max_bytes: null,
  purpose: "",
  audio: null,
};

const effective = (id: string): unknown => {
  const set = own.get(id) ?? NOTHING;
  const given = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== null && value !== ""));
  return { ...set, effective: { ...policy, ...given } };
};

const tier = (name: string, kind: string, bytes: number, more: object) => ({
  name,
  kind,
  url: `/srv/${name}`,
  recordings: Math.round(bytes / 12_000_000),
  bytes,
  free_bytes: null,
  oldest_ms: started - 3 * DAY,
  newest_ms: started,
  waiting_bytes: 0,
  oldest_waiting_ms: null,
  failure: null,
  since_ms: null,
  ...more,
});
const storage = (): StorageReport => ({
  tiers: [
    tier("fast", "folder", 61 * GB, { free_bytes: 39 * GB }),
    tier("archive", "folder", 1_420 * GB, { free_bytes: 580 * GB, oldest_ms: started - 21 * DAY }),
    tier("cloud", "objects", 640 * GB, {
      url: "s3://footage/haechi",
      oldest_ms: started - 90 * DAY,
      newest_ms: started - 2 * DAY,
      waiting_bytes: 6.4 * GB,
      oldest_waiting_ms: started - 5_400_000,
      failure: "503 from the store: slow down",
      since_ms: started - 1_380_000,
    }),
  ],
  forecast: {
    bytes_per_day: 97 * GB,
    full_at_ms: started + 6.2 * DAY,
    steady_bytes: null,
    cameras: cameras.map((camera, index) => ({
      camera: camera.id,
      name: camera.name,
      bytes: (700 - index * 110) * GB,
      bytes_per_day: (24 - index * 3) * GB,
      oldest_ms: started - (90 - index) * DAY,
    })),
  },
  protected_bytes: 3.2 * GB,
  alarm: null,
});
const ACTIONS = ["view", "export", "settings", "delete", "log-in"];
const entries: AuditEntry[] = Array.from({ length: 40 }, (_none, index) => ({
  number: 40 - index,
  at_ms: started - index * 1_900_000,
  user: index % 3 === 0 ? "ann" : "admin",
  action: ACTIONS[index % ACTIONS.length] as string,
  object: cameras[index % cameras.length]!.id,
  detail: index % 5 === 1 ? "exp_2, 2 min" : "",
  hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}));

function accounts({ search }: Call): unknown {
  const start = Math.floor(Number(search.get("start_ms")) / 60_000);
  const end = Math.ceil(Number(search.get("end_ms")) / 60_000);
  const minutes = Array.from({ length: end - start }, (_none, index): Minute => {
    const lost = index % 17 === 5 ? 4 : index % 41 === 30 ? 400 : 0;
    const missing: Record<string, number> = lost === 0 ? {} : { "packet-loss": lost };
    const came = 900 - lost;
    return {
      start_ms: (start + index) * 60_000,
      expected: 900,
      received: came,
      stored: came,
      decoded: 60,
      missing,
    };
  });
  const sum = (name: "expected" | "received" | "stored" | "decoded") =>
    minutes.reduce((all, row) => all + row[name], 0);
  return {
    minutes,
    totals: {
      expected: sum("expected"),
      received: sum("received"),
      stored: sum("stored"),
      decoded: sum("decoded"),
      missing: { "packet-loss": sum("expected") - sum("received") },
    },
  };
}

/** Half a day less than the present policy deletes nothing; each day less, some recordings. */
function plan({ body }: Call): unknown {
  const days = Number(body.continuous_days ?? policy.continuous_days);
  const lost = Math.max(0, 30 - days);
  const asked = typeof body.camera === "string" ? [body.camera] : cameras.map((camera) => camera.id);
  const classes = (recordings: number) => [
    {
      class: "continuous",
      recordings,
      bytes: recordings * 31_000_000,
      oldest_ms: started - 30 * DAY,
      newest_ms: started - days * DAY,
    },
  ];
  return {
    cameras: asked.map((id) => ({ camera: id, name: names.get(id) ?? id, classes: classes(lost * 66) })),
    total_bytes: lost * 66 * 31_000_000 * asked.length,
  };
}

const one = <T extends { id: string }>(rows: T[], id: string): T => rows.find((row) => row.id === id)!;

export const keepingRoutes: Route[] = [
  ["GET", /^\/api\/exports$/, () => ({ exports: jobs })],
  [
    "POST",
    /^\/api\/exports$/,
    ({ body }) => {
      const made = job(`exp_${Date.now()}`, String(body.camera), {
        state: "running",
        progress: 0.1,
        ...body,
      });
      jobs = [made, ...jobs];
      return made;
    },
  ],
  [
    "DELETE",
    /^\/api\/exports\/(\w+)$/,
    ({ id }) => {
      jobs = jobs.filter((row) => row.id !== id);
    },
  ],
  [
    "GET",
    /^\/api\/cameras\/(\w+)\/clip\/estimate$/,
    ({ search }) => {
      const [start_ms, end_ms] = [Number(search.get("start_ms")), Number(search.get("end_ms"))];
      const duration_ms = end_ms - start_ms;
      return {
        bytes: duration_ms * 187,
        duration_ms,
        units: Math.round(duration_ms / 67),
        start_ms,
        end_ms,
        files: 1,
        sound_bytes: 0,
      };
    },
  ],
  ["GET", /^\/api\/bookmarks$/, () => ({ bookmarks })],
  [
    "POST",
    /^\/api\/bookmarks$/,
    ({ body }) => {
      const made = { end_ms: null, ...body, id: `bmk_${Date.now()}`, by: "admin", created_ms: Date.now() };
      bookmarks = [made as never, ...bookmarks];
      return made;
    },
  ],
  ["PATCH", /^\/api\/bookmarks\/(\w+)$/, ({ id, body }) => Object.assign(one(bookmarks, id), body)],
  [
    "DELETE",
    /^\/api\/bookmarks\/(\w+)$/,
    ({ id }) => {
      bookmarks = bookmarks.filter((row) => row.id !== id);
    },
  ],
  ["GET", /^\/api\/storage$/, storage],
  ["GET", /^\/api\/retention$/, () => policy],
  [
    "PUT",
    /^\/api\/retention$/,
    ({ body }) => {
      policy = { ...policy, ...body };
      return policy;
    },
  ],
  ["GET", /^\/api\/cameras\/(\w+)\/retention$/, ({ id }) => effective(id)],
  [
    "PUT",
    /^\/api\/cameras\/(\w+)\/retention$/,
    ({ id, body }) => {
      own.set(id, { ...NOTHING, ...body });
      return effective(id);
    },
  ],
  ["POST", /^\/api\/retention\/plan$/, plan],
  ["GET", /^\/api\/audit$/, () => ({ entries, next_before: null })],
  ["GET", /^\/api\/audit\/verify$/, () => ({ ok: true, entries: 40, broken_at: null })],
  ["GET", /^\/api\/cameras\/(\w+)\/accounts$/, accounts],
];
