import { backoffMs } from "@/api/backoff";
import { type LiveHeader, parseLiveMessage } from "./header";

/** What one tile hears from the page's single live connection. */
export interface LiveSink {
  subscribed(mime: string, width: number, height: number): void;
  data(header: LiveHeader, payload: Uint8Array<ArrayBuffer>): void;
  waiting(cause: string, message: string): void;
  failed(code: string, message: string): void;
  /** The connection is down; `attempt` counts the tries to get it back. */
  lost(attempt: number): void;
}

type TextMessage =
  | { type: "subscribed"; id: number; mime: string; width: number; height: number }
  | { type: "waiting"; id: number; cause: string; message: string }
  | { type: "error"; id: number; code: string; message: string };

/** `stamps`: units without their media, for pictures that come by WebRTC. */
type Form = "chunks" | "stamps";

interface Subscription {
  camera: string;
  stream: string;
  form: Form;
  sink: LiveSink;
}

const IDLE_CLOSE_MS = 2_000;
const STABLE_MS = 5_000;

/** One multiplexed WebSocket for all tiles of the page; opened with the first tile, closed after the last. */
export class LiveConnection {
  private readonly url: string;
  private readonly tiles = new Map<number, Subscription>();
  private socket: WebSocket | null = null;
  private nextId = 1;
  private attempt = 0;
  private openedAt = 0;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private idle: ReturnType<typeof setTimeout> | null = null;

  constructor(url: string) {
    this.url = url;
  }

  subscribe(camera: string, stream: string, sink: LiveSink, form: Form = "chunks"): () => void {
    const id = this.freeId();
    this.tiles.set(id, { camera, stream, sink, form });
    if (this.idle !== null) clearTimeout(this.idle);
    this.idle = null;
    if (this.socket === null && this.retry === null) this.open();
    else if (this.socket?.readyState === WebSocket.OPEN) this.ask(id);
    return () => this.unsubscribe(id);
  }

  private freeId(): number {
    while (this.tiles.has(this.nextId)) this.nextId = (this.nextId % 0xffff) + 1;
    const id = this.nextId;
    this.nextId = (this.nextId % 0xffff) + 1;
    return id;
  }

  private unsubscribe(id: number): void {
    if (!this.tiles.delete(id)) return;
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "unsubscribe", id }));
    }
    if (this.tiles.size === 0 && this.idle === null) {
      this.idle = setTimeout(() => this.close(), IDLE_CLOSE_MS);
    }
  }

  private ask(id: number): void {
    const tile = this.tiles.get(id);
    if (tile === undefined) return;
    const { camera, stream, form } = tile;
    this.socket?.send(
      JSON.stringify({ type: "subscribe", id, camera, stream, ...(form === "stamps" ? { form } : {}) }),
    );
  }

  private open(): void {
    this.retry = null;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.openedAt = performance.now();
      for (const id of this.tiles.keys()) this.ask(id);
    };
    socket.onmessage = (message: MessageEvent<ArrayBuffer | string>) => this.receive(message.data);
    socket.onclose = () => {
      if (this.socket === socket) this.dropped();
    };
  }

  private dropped(): void {
    this.socket = null;
    if (this.tiles.size === 0) return;
    if (this.openedAt > 0 && performance.now() - this.openedAt > STABLE_MS) this.attempt = 0;
    this.openedAt = 0;
    this.attempt += 1;
    for (const tile of this.tiles.values()) tile.sink.lost(this.attempt);
    this.retry = setTimeout(() => this.open(), backoffMs(this.attempt));
  }

  private receive(data: ArrayBuffer | string): void {
    if (typeof data === "string") {
      this.receiveText(data);
      return;
    }
    const message = parseLiveMessage(data);
    if (message !== null) this.tiles.get(message.header.id)?.sink.data(message.header, message.payload);
  }

  private receiveText(text: string): void {
    const message = JSON.parse(text) as TextMessage;
    const sink = this.tiles.get(message.id)?.sink;
    if (sink === undefined) return;
    if (message.type === "subscribed") sink.subscribed(message.mime, message.width, message.height);
    else if (message.type === "waiting") sink.waiting(message.cause, message.message);
    else if (message.type === "error") sink.failed(message.code, message.message);
  }

  close(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.idle !== null) clearTimeout(this.idle);
    this.retry = null;
    this.idle = null;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}
