import { backoffMs } from "./backoff";
import { socketUrl } from "./client";
import { type ExportJob, withJob } from "./keeping";
import { queryClient, sessionQuery } from "./queries";
import type { Camera, DetectedBox, HaechiEvent, ScoreOut, ServerMessage } from "./types";

export interface LinkState {
  up: boolean;
  attempt: number;
  /** When the next try starts, ms since the epoch; 0 while one is under way. */
  retryAtMs: number;
}

type DetectionListener = (capturedNs: bigint, boxes: DetectedBox[]) => void;
type ScoreListener = (module: string, scores: ScoreOut[]) => void;

/** The page's one connection for news from the server: events, camera states, detections of watched cameras. */
class PushLink {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private wanted = false;
  private everUp = false;
  private readonly watchers = new Map<string, Set<DetectionListener>>();
  private readonly scored = new Map<string, Set<ScoreListener>>();
  private readonly eventListeners = new Set<(event: HaechiEvent) => void>();
  private readonly activityListeners = new Set<(camera: string, tracked: boolean) => void>();
  private readonly stateListeners = new Set<() => void>();
  private current: LinkState = { up: true, attempt: 0, retryAtMs: 0 };

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.open();
  }

  stop(): void {
    this.wanted = false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.set({ up: true, attempt: 0, retryAtMs: 0 });
  }

  readonly state = (): LinkState => this.current;

  readonly subscribeState = (listener: () => void): (() => void) => {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  };

  onEvent(listener: (event: HaechiEvent) => void): () => void {
    this.eventListeners.add(listener);
    return () => this.eventListeners.delete(listener);
  }

  /** Something moves before a camera; `tracked`: a detector sees an object there. */
  onActivity(listener: (camera: string, tracked: boolean) => void): () => void {
    this.activityListeners.add(listener);
    if (this.activityListeners.size === 1) this.follow(true);
    return () => {
      this.activityListeners.delete(listener);
      if (this.activityListeners.size === 0) this.follow(false);
    };
  }

  watch(camera: string, listener: DetectionListener): () => void {
    const set = this.watchers.get(camera) ?? new Set();
    this.watchers.set(camera, set.add(listener));
    if (set.size === 1) this.ask(camera);
    return () => {
      set.delete(listener);
      if (set.size > 0) return;
      this.watchers.delete(camera);
      this.ask(camera);
    };
  }

  /** What modules say of a camera, as they say it. */
  watchScores(camera: string, listener: ScoreListener): () => void {
    const set = this.scored.get(camera) ?? new Set();
    this.scored.set(camera, set.add(listener));
    if (set.size === 1) this.ask(camera);
    return () => {
      set.delete(listener);
      if (set.size > 0) return;
      this.scored.delete(camera);
      this.ask(camera);
    };
  }

  readonly retryNow = (): void => {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.open();
  };

  /** All that is wanted of a camera: each word takes the place of the one before. */
  private ask(camera: string): void {
    const topics = [
      ...(this.watchers.has(camera) ? ["detections"] : []),
      ...(this.scored.has(camera) ? ["scores"] : []),
    ];
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "watch", camera, topics }));
    }
  }

  private follow(activity: boolean): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "follow", activity }));
    }
  }

  private set(state: LinkState): void {
    this.current = state;
    for (const listener of this.stateListeners) listener();
  }

  private open(): void {
    this.timer = null;
    const socket = new WebSocket(socketUrl("/api/ws"));
    this.socket = socket;
    this.set({ ...this.current, retryAtMs: 0 });
    socket.onopen = () => {
      const missed = this.everUp;
      this.everUp = true;
      this.set({ up: true, attempt: 0, retryAtMs: 0 });
      for (const camera of new Set([...this.watchers.keys(), ...this.scored.keys()])) this.ask(camera);
      if (this.activityListeners.size > 0) this.follow(true);
      if (missed) void queryClient.invalidateQueries();
    };
    socket.onmessage = (message: MessageEvent<string>) =>
      this.receive(JSON.parse(message.data) as ServerMessage);
    socket.onclose = () => {
      if (this.socket === socket) this.dropped();
    };
  }

  private dropped(): void {
    this.socket = null;
    if (!this.wanted) return;
    const attempt = this.current.attempt + 1;
    const wait = backoffMs(attempt, 15_000);
    // One quick loss (a restart, a sleep) is not worth a banner.
    this.set({ up: attempt < 2 && this.everUp, attempt, retryAtMs: Date.now() + wait });
    this.timer = setTimeout(() => this.open(), wait);
    if (attempt === 2) void queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
  }

  private receive(message: ServerMessage): void {
    switch (message.type) {
      case "event":
        for (const listener of this.eventListeners) listener(message.event);
        break;
      case "camera":
        queryClient.setQueryData<Camera[]>(["cameras"], (cameras) =>
          cameras?.map((camera) => (camera.id === message.camera.id ? message.camera : camera)),
        );
        break;
      case "activity":
        for (const listener of this.activityListeners) listener(message.camera, message.tracked);
        break;
      case "export":
        queryClient.setQueryData<ExportJob[]>(["exports"], (jobs) => withJob(jobs ?? [], message.export));
        break;
      case "scores":
        for (const listener of this.scored.get(message.camera) ?? [])
          listener(message.module, message.scores);
        break;
      case "detections":
        for (const listener of this.watchers.get(message.camera) ?? []) {
          listener(BigInt(message.captured_ns), message.boxes);
        }
    }
  }
}

export const push = new PushLink();
