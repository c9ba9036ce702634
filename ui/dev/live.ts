import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { boxAt, cameras, events, FPS, LOOP_S, SCENES } from "./fixtures";
import { type Cut, cut, shifted } from "./mp4";

const GOP = 30;
const loops = new Map<string, Cut>();

function loopOf(media: string, camera: string): Cut | null {
  const scene = SCENES.find((name) => camera === `cam_${name}`);
  if (scene === undefined) return null;
  const known = loops.get(scene) ?? cut(readFileSync(`${media}/${scene}.live.mp4`));
  loops.set(scene, known);
  return known;
}

const unitNow = (): number => Math.floor((Date.now() / 1_000) * FPS);
const BASE = unitNow() - GOP * 100;

function frame(id: number, kind: number, sync: boolean, seq: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt16BE(id, 0);
  head.writeUInt8(kind, 2);
  head.writeUInt8(sync ? 1 : 0, 3);
  head.writeUInt32BE(4, 4);
  head.writeBigUInt64BE(BigInt(seq), 8);
  head.writeBigUInt64BE(capturedNs(seq), 16);
  return Buffer.concat([head, payload]);
}

const capturedNs = (seq: number): bigint => BigInt(Math.round(((BASE + seq) / FPS) * 1e9));

function play(
  socket: WebSocket,
  media: string,
  id: number,
  camera: string,
): ReturnType<typeof setInterval> | null {
  const loop = loopOf(media, camera);
  if (loop === null) {
    const code = cameras.find((row) => row.id === camera)?.status.error?.code ?? "disabled";
    socket.send(JSON.stringify({ type: "waiting", id, cause: code, message: "" }));
    return null;
  }
  socket.send(
    JSON.stringify({
      type: "subscribed",
      id,
      mime: 'video/mp4; codecs="avc1.64001f"',
      width: 960,
      height: 540,
    }),
  );
  socket.send(frame(id, 1, true, 0, loop.init));
  const ticks = 15_360 / FPS;
  let next = Math.floor((unitNow() - BASE) / GOP) * GOP;
  return setInterval(() => {
    for (; next <= unitNow() - BASE; next += 1) {
      const at = next % (FPS * LOOP_S);
      const chunk = shifted(loop.fragments[at] as Buffer, (next - at) * ticks);
      socket.send(frame(id, 2, at % GOP === 0, next, chunk));
    }
  }, 1_000 / FPS);
}

function serveLive(socket: WebSocket, media: string): void {
  const timers = new Map<number, ReturnType<typeof setInterval> | null>();
  socket.on("message", (text) => {
    const message = JSON.parse(String(text)) as { type: string; id: number; camera: string };
    clearInterval(timers.get(message.id) ?? undefined);
    timers.delete(message.id);
    if (message.type === "subscribe") timers.set(message.id, play(socket, media, message.id, message.camera));
  });
  socket.on("close", () => {
    for (const timer of timers.values()) clearInterval(timer ?? undefined);
  });
}

function servePush(socket: WebSocket): void {
  const watched = new Set<string>();
  const timer = setInterval(() => {
    for (const camera of watched) {
      const seed = SCENES.findIndex((name) => camera === `cam_${name}`);
      if (seed < 0) continue;
      const seq = Math.floor((unitNow() - BASE) / 3) * 3;
      const box = boxAt((seq % (FPS * LOOP_S)) / FPS, seed);
      const boxes = [{ label: "person", score: 0.93, box, track: 7 }];
      socket.send(
        JSON.stringify({
          type: "detections",
          camera,
          ref: `${camera}/main:4:${seq}`,
          captured_ns: String(capturedNs(seq)),
          boxes,
        }),
      );
    }
  }, 200);
  socket.on("message", (text) => {
    const message = JSON.parse(String(text)) as { camera: string; topics: string[] };
    if (message.topics.length > 0) watched.add(message.camera);
    else watched.delete(message.camera);
  });
  const news = setTimeout(() => {
    const event = {
      ...events[0]!,
      id: `evt_new_${Date.now()}`,
      start_ms: Date.now() - 3_000,
      end_ms: null,
      reviewed: false,
    };
    events.unshift(event);
    socket.send(JSON.stringify({ type: "event", event }));
  }, 8_000);
  socket.on("close", () => {
    clearInterval(timer);
    clearTimeout(news);
  });
}

export function upgrade(media: string): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({ noServer: true });
  return (request, socket, head) => {
    const path = (request.url ?? "").split("?")[0];
    if (path !== "/api/live" && path !== "/api/ws") return;
    server.handleUpgrade(request, socket, head, (ws) => {
      if (path === "/api/live") serveLive(ws, media);
      else servePush(ws);
    });
  };
}
