import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import type { Camera, HaechiEvent } from "../src/api/types";
import { capacityRoutes } from "./capacity";
import {
  cameras,
  clipDetections,
  events,
  lines,
  rules,
  SCENES,
  settings,
  started,
  system,
  users,
  zones,
} from "./fixtures";
import * as footage from "./footage";
import { keepingRoutes } from "./keeping";
import { upgrade } from "./live";

/** A stand-in for the server, for work on the screens only; `HAECHI_SERVER=http://127.0.0.1:8300` uses the real one. */

const media = fileURLToPath(new URL("../node_modules/.mock", import.meta.url));
const session = { user: users[0], csrf: "dev" };
let loggedIn = process.env.HAECHI_MOCK_LOGIN !== "1";
let gone = false;

type Reply = unknown;
interface Call {
  body: Record<string, unknown>;
  search: URLSearchParams;
  id: string;
  response: ServerResponse;
}

class Problem {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {}
}

class Bytes {
  constructor(
    readonly type: string,
    readonly data: Buffer,
  ) {}
}

const scene = (id: string): string => SCENES.find((name) => id === `cam_${name}`) ?? "door";
const cameraOf = (id: string): Camera => {
  const found = cameras.find((row) => row.id === id);
  if (found === undefined) throw new Problem(404, "camera-not-found", "There is no such camera.");
  return found;
};
const eventOf = (id: string): HaechiEvent => {
  const found = events.find((row) => row.id === id);
  if (found === undefined) throw new Problem(404, "event-not-found", "There is no such event.");
  return found;
};

function listEvents(search: URLSearchParams): Reply {
  const before = Number(search.get("before_ms") ?? Number.POSITIVE_INFINITY);
  const limit = Number(search.get("limit") ?? 50);
  const kept = events.filter(
    (row) =>
      row.start_ms < before &&
      (search.get("camera") ?? row.camera) === row.camera &&
      (search.get("label") ?? row.label) === row.label &&
      (search.get("severity") ?? row.severity) === row.severity &&
      (search.get("reviewed") ?? String(row.reviewed)) === String(row.reviewed),
  );
  const page = kept.slice(0, limit);
  return {
    events: page,
    next_before_ms: kept.length > limit ? (page.at(-1)?.start_ms ?? null) : null,
    unreviewed: events.filter((row) => !row.reviewed).length,
  };
}

function probe(url: string): Reply {
  const good = url.includes("192.168");
  const hop = (name: string, ok: boolean, ms: number, detail: string) => ({ hop: name, ok, ms, detail });
  if (!good) {
    return {
      ok: false,
      hops: [hop("dns", true, 2, "resolved"), hop("tcp", false, 3_001, "no answer in 3 s")],
      error: { code: "unreachable", message: "Nothing answers at this address." },
      codec: null,
      width: null,
      height: null,
      audio_codec: null,
      still: null,
    };
  }
  const still = readFileSync(`${media}/door.jpg`).toString("base64");
  const names = ["dns", "tcp", "rtsp", "auth", "describe", "setup", "picture"];
  const hops = names.map((name, index) =>
    hop(name, true, 2 + index * 17, index === 4 ? "H.264 960×540" : ""),
  );
  return { ok: true, hops, error: null, codec: "h264", width: 960, height: 540, audio_codec: "aac", still };
}

const film = (id: string): Buffer => readFileSync(`${media}/${scene(id)}.rec.mp4`);
const jpeg = (id: string): Bytes => new Bytes("image/jpeg", readFileSync(`${media}/${scene(id)}.jpg`));

const routes: [string, RegExp, (call: Call) => Reply][] = [
  ["GET", /^\/api\/cameras\/[^/]+\/talk$/, () => ({ possible: true, why: null, speaking: null })],
  ["GET", /^\/api\/setup$/, () => ({ needed: process.env.HAECHI_MOCK_SETUP === "1" && !loggedIn })],
  [
    "POST",
    /^\/api\/(?:setup|session)$/,
    ({ body }) => {
      if (body.password === "wrong-password")
        throw new Problem(401, "bad-credentials", "Name or password is wrong.");
      loggedIn = true;
      return session;
    },
  ],
  [
    "GET",
    /^\/api\/session$/,
    () => {
      if (!loggedIn) throw new Problem(401, "not-logged-in", "Log in first.");
      return session;
    },
  ],
  [
    "DELETE",
    /^\/api\/session$/,
    () => {
      loggedIn = false;
    },
  ],
  ["PUT", /^\/api\/session\/password$/, () => undefined],
  ["GET", /^\/api\/cameras$/, () => ({ cameras: gone ? [] : cameras })],
  [
    "POST",
    /^\/api\/cameras$/,
    ({ body }) => {
      const made = {
        ...cameras[0]!,
        id: `cam_${Date.now()}`,
        position: cameras.length,
        name: String(body.name),
      };
      cameras.push(made);
      return made;
    },
  ],
  ["POST", /^\/api\/cameras\/probe$/, ({ body }) => probe(String(body.url))],
  ["GET", /^\/api\/cameras\/(\w+)$/, ({ id }) => cameraOf(id)],
  [
    "PATCH",
    /^\/api\/cameras\/(\w+)$/,
    ({ id, body }) => Object.assign(cameraOf(id), { name: body.name ?? cameraOf(id).name }),
  ],
  ["DELETE", /^\/api\/cameras\/(\w+)$/, ({ id }) => void cameras.splice(cameras.indexOf(cameraOf(id)), 1)],
  ["GET", /^\/api\/cameras\/(\w+)\/(?:latest|still|preview)\.jpg$/, ({ id }) => jpeg(id)],
  ["GET", /^\/api\/cameras\/(\w+)\/zones$/, ({ id }) => ({ zones: zones.get(id) ?? [] })],
  [
    "PUT",
    /^\/api\/cameras\/(\w+)\/zones$/,
    ({ id, body }) => {
      zones.set(
        id,
        (body.zones as never[]).map((zone: object, index) => ({ id: `zon_${index + 1}`, ...zone })) as never,
      );
      return { zones: zones.get(id) };
    },
  ],
  ["GET", /^\/api\/cameras\/(\w+)\/lines$/, ({ id }) => ({ lines: lines.get(id) ?? [] })],
  [
    "PUT",
    /^\/api\/cameras\/(\w+)\/lines$/,
    ({ id, body }) => {
      lines.set(
        id,
        (body.lines as never[]).map((line: object, index) => ({ id: `lin_${index + 1}`, ...line })) as never,
      );
      return { lines: lines.get(id) };
    },
  ],
  ["GET", /^\/api\/cameras\/(\w+)\/rules$/, ({ id }) => ({ rules: rules.get(id) ?? [] })],
  [
    "PUT",
    /^\/api\/cameras\/(\w+)\/rules$/,
    ({ id, body }) => {
      rules.set(id, body.rules as never);
      return { rules: body.rules };
    },
  ],
  [
    "GET",
    /^\/api\/cameras\/(\w+)\/timeline$/,
    ({ id, search }) => {
      const start = Number(search.get("start_ms"));
      const end = Number(search.get("end_ms"));
      const spans = [
        { start_ms: started - 4 * 86_400_000, end_ms: footage.GAP.start_ms },
        { start_ms: footage.GAP.end_ms, end_ms: Date.now() },
      ].filter((span) => span.end_ms > start && span.start_ms < end);
      return {
        spans,
        gaps: [footage.GAP],
        events: events.filter(
          (row) => row.camera === id && row.start_ms < end && (row.end_ms ?? end) > start,
        ),
      };
    },
  ],
  [
    "GET",
    /^\/api\/cameras\/(\w+)\/days$/,
    () => ({
      days: [0, 1, 2, 3].map((back) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10)),
    }),
  ],
  ["GET", /^\/api\/timeline$/, ({ search }) => footage.timeline(search)],
  ["GET", /^\/api\/cameras\/(\w+)\/pieces$/, ({ id, search }) => footage.pieces(film(id), search)],
  ["GET", /^\/api\/cameras\/(\w+)\/units$/, ({ search }) => footage.units(search)],
  [
    "GET",
    /^\/api\/cameras\/(\w+)\/syncs\.mp4$/,
    ({ id, search }) => new Bytes("video/mp4", footage.syncs(film(id), search)),
  ],
  ["GET", /^\/api\/cameras\/(\w+)\/preview\.jpg$/, ({ id }) => jpeg(id)],
  ["GET", /^\/api\/cameras\/(\w+)\/recordings\/\w+\.mp4$/, ({ id }) => new Bytes("video/mp4", film(id))],
  ["GET", /^\/api\/cameras\/(\w+)\/clip\.mp4$/, ({ id }) => new Bytes("video/mp4", film(id))],
  ["GET", /^\/api\/events$/, ({ search }) => listEvents(search)],
  [
    "POST",
    /^\/api\/events\/review$/,
    ({ body }) => {
      for (const id of body.ids as string[]) eventOf(id).reviewed = Boolean(body.reviewed);
    },
  ],
  [
    "GET",
    /^\/api\/events\/(\w+)$/,
    ({ id }) => ({
      ...eventOf(id),
      model: { name: "PicoDet-S", hash: "d3590ed527f3130536ec8cf2d1223f8c" },
      config_hash: "9f86d081884c7d659a2feaa0c55ad015",
      clip: { start_ms: eventOf(id).start_ms, end_ms: (eventOf(id).end_ms ?? eventOf(id).start_ms) + 4_000 },
      report: null,
      detections: clipDetections(eventOf(id)),
    }),
  ],
  [
    "PATCH",
    /^\/api\/events\/(\w+)$/,
    ({ id, body }) => Object.assign(eventOf(id), { reviewed: Boolean(body.reviewed) }),
  ],
  ["GET", /^\/api\/events\/(\w+)\/snapshot\.jpg$/, ({ id }) => jpeg(eventOf(id).camera)],
  [
    "GET",
    /^\/api\/events\/(\w+)\/clip\.mp4$/,
    ({ id }) => new Bytes("video/mp4", readFileSync(`${media}/${scene(eventOf(id).camera)}.rec.mp4`)),
  ],
  [
    "POST",
    /^\/api\/events\/(\w+)\/replay$/,
    ({ id }) =>
      id.endsWith("1")
        ? {
            identical: false,
            stage: "inference",
            compared: 40,
            differing: 2,
            message: "Two frames score differently.",
          }
        : { identical: true, stage: null, compared: 40, differing: 0, message: "" },
  ],
  ["GET", /^\/api\/users$/, () => ({ users })],
  [
    "POST",
    /^\/api\/users$/,
    ({ body }) => {
      const made = {
        id: `usr_${Date.now()}`,
        name: String(body.name),
        role: "viewer" as const,
        cameras: (body.cameras as string[]) ?? [],
        may_speak: body.may_speak === true,
      };
      users.push(made);
      return made;
    },
  ],
  [
    "DELETE",
    /^\/api\/users\/(\w+)$/,
    ({ id }) =>
      void users.splice(
        users.findIndex((row) => row.id === id),
        1,
      ),
  ],
  ...capacityRoutes,
  ...keepingRoutes,
  ["GET", /^\/api\/system$/, system],
  ["GET", /^\/api\/settings$/, () => settings],
  ["PATCH", /^\/api\/settings$/, ({ body }) => Object.assign(settings, body)],
  [
    "POST",
    /^\/api\/_mock\/empty$/,
    () => {
      gone = !gone;
    },
  ],
];

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return parts.length === 0 ? {} : (JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>);
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (reply instanceof Bytes) {
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Math.min(Number(range[2]), reply.data.length - 1) : reply.data.length - 1;
    response.writeHead(range ? 206 : 200, {
      "content-type": reply.type,
      "accept-ranges": "bytes",
      "content-length": to - from + 1,
      ...(range ? { "content-range": `bytes ${from}-${to}/${reply.data.length}` } : {}),
    });
    response.end(reply.data.subarray(from, to + 1));
    return;
  }
  response.writeHead(reply === undefined ? 204 : 200, { "content-type": "application/json" });
  response.end(reply === undefined ? undefined : JSON.stringify(reply));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  try {
    for (const [method, pattern, handle] of routes) {
      const match = pattern.exec(url.pathname);
      if (method !== request.method || match === null) continue;
      const body = method === "GET" ? {} : await bodyOf(request);
      send(request, response, handle({ body, search: url.searchParams, id: match[1] ?? "", response }));
      return;
    }
    throw new Problem(404, "not-found", "No such address.");
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    response.writeHead(problem.status, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ ...problem, title: problem.code, error_id: "err_7f3a91c2" }));
  }
}

export function mockServer(): Plugin {
  return {
    name: "haechi-mock",
    apply: "serve",
    configureServer(server) {
      server.httpServer?.on("upgrade", upgrade(media));
      server.middlewares.use((request, response, next) => {
        if (request.url?.startsWith("/api/")) void answer(request, response);
        else next();
      });
    },
  };
}
