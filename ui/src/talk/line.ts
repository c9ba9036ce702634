import { PIECE_BYTES } from "./pieces";

/** The server's side of a talk: `WS /api/cameras/{camera}/talk`, see docs/ref/api.md. */

export interface LineEvents {
  /** The camera listens: what is sent from now on is heard. */
  talking(): void;
  /** It is over; `code` is empty when all was said. `who` speaks, where that is why. */
  over(code: string, message: string, who: string): void;
}

export interface Line {
  send(piece: Uint8Array<ArrayBuffer>): void;
  /** What was sent is still said; then it is over. */
  stop(): void;
  close(): void;
}

/** What waits in the browser is late already: 200 ms, and the rest is let go. */
export const MOST_WAITING_BYTES = 10 * PIECE_BYTES;
const STOP_MS = 1_000;
const SESSION_ENDED = 4401;

interface Word {
  type?: unknown;
  code?: unknown;
  message?: unknown;
  who?: unknown;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

export const addressOf = (camera: string, page: Pick<Location, "protocol" | "host">): string =>
  `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}/api/cameras/${camera}/talk`;

export function openLine(camera: string, events: LineEvents): Line {
  const socket = new WebSocket(addressOf(camera, window.location));
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = (code: string, message = "", who = ""): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    socket.close();
    events.over(code, message, who);
  };
  const hear = (word: Word): void => {
    if (word.type === "talking") events.talking();
    else if (word.type === "ended") end("");
    else if (word.type === "error") end(text(word.code) || "failed", text(word.message), text(word.who));
  };
  socket.onopen = () => socket.send(JSON.stringify({ type: "talk", codec: "pcmu" }));
  socket.onmessage = (event: MessageEvent<unknown>) => {
    if (typeof event.data === "string" && !isOver) hear(JSON.parse(event.data) as Word);
  };
  socket.onclose = (event) => end(event.code === SESSION_ENDED ? "session-ended" : "server-unreachable");
  return {
    send: (piece) => {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount <= MOST_WAITING_BYTES)
        socket.send(piece);
    },
    stop: () => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "stop" }));
      timer = setTimeout(() => end(""), STOP_MS);
    },
    close: () => {
      isOver = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}
