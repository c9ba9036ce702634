import { backoffMs } from "@/api/backoff";
import { parsed } from "./messages";

export interface SignalHandlers<M> {
  /** Said first on each connection; null: nothing. */
  hello(): object | null;
  message(message: M): void;
  /** The connection is down; `attempt` counts the tries to get it back. `code` is the WebSocket's. */
  down(attempt: number, code: number): void;
}

const OPEN_WITHIN_MS = 10_000;
const STABLE_MS = 5_000;
/** The server closes so when it will not have us at all: trying again is of no use. */
export const REFUSED_CODES: ReadonlySet<number> = new Set([4401, 4403, 4404]);

/** The way to the server over which both sides find each other. Comes back by itself. */
export class Signal<M extends { type: string }> {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private openedAt = 0;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private overdue: ReturnType<typeof setTimeout> | null = null;
  private closed = false;
  private readonly url: string;
  private readonly handlers: SignalHandlers<M>;

  constructor(path: string, handlers: SignalHandlers<M>) {
    this.url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
    this.handlers = handlers;
  }

  start(): void {
    this.open();
  }

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Lost where there is no connection: who comes back begins anew, and old words would confuse. */
  send(message: object): void {
    if (this.isOpen) this.socket?.send(JSON.stringify(message));
  }

  /** The network is another one now: what goes over the old one may hang for minutes without a word. */
  renew(): void {
    if (this.closed) return;
    this.drop();
    this.attempt = 0;
    this.open();
  }

  close(): void {
    this.closed = true;
    this.drop();
  }

  private drop(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.overdue !== null) clearTimeout(this.overdue);
    this.retry = null;
    this.overdue = null;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private open(): void {
    this.retry = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.overdue = setTimeout(() => {
      if (this.socket === socket && socket.readyState === WebSocket.CONNECTING) this.lost(socket, 1006);
    }, OPEN_WITHIN_MS);
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.openedAt = performance.now();
      const hello = this.handlers.hello();
      if (hello !== null) this.send(hello);
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (this.socket !== socket) return;
      const message = parsed<M>(event.data);
      if (message !== null) this.handlers.message(message);
    };
    socket.onclose = (event) => this.lost(socket, event.code);
  }

  private lost(socket: WebSocket, code: number): void {
    if (this.socket !== socket) return;
    this.drop();
    if (this.openedAt > 0 && performance.now() - this.openedAt > STABLE_MS) this.attempt = 0;
    this.openedAt = 0;
    this.attempt += 1;
    if (!REFUSED_CODES.has(code)) this.retry = setTimeout(() => this.open(), backoffMs(this.attempt));
    this.handlers.down(this.attempt, code);
  }
}
