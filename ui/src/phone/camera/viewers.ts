import type { PhoneState, Relayed, Wish } from "../messages";
import { Floor } from "./floor";
import type { Lens } from "./lens";
import { type Caller, Link } from "./link";
import type { Voice } from "./voice";

export interface ViewersHandlers {
  send(message: object): void;
  /** A viewer asks for the light or the other camera. */
  wish(wish: Wish): void;
  changed(): void;
}

/** Those who were not announced again so long after the way to the server came back are gone. */
const ANNOUNCED_WITHIN_MS = 5_000;

/** Everybody who watches, and who of them may speak: one at a time. */
export class Viewers {
  private readonly links = new Map<string, Link>();
  private readonly waiting = new Map<string, Caller>();
  private readonly speaking = new Floor();
  private readonly lens: Lens;
  private readonly voice: Voice;
  private readonly handlers: ViewersHandlers;
  private unannounced = new Set<string>();
  private sweep: ReturnType<typeof setTimeout> | null = null;

  constructor(lens: Lens, voice: Voice, handlers: ViewersHandlers) {
    this.lens = lens;
    this.voice = voice;
    this.handlers = handlers;
  }

  get count(): number {
    return [...this.links.values()].filter((link) => link.isWatching).length;
  }

  get names(): string[] {
    return [...this.links.values()].filter((link) => link.isWatching).map((link) => link.name);
  }

  get talker(): string | null {
    return this.links.get(this.speaking.holder ?? "")?.name ?? null;
  }

  /** The server names all that are there after this; who is not named has left meanwhile. */
  welcomed(): void {
    this.unannounced = new Set(this.links.keys());
    if (this.sweep !== null) clearTimeout(this.sweep);
    this.sweep = setTimeout(() => {
      for (const peer of this.unannounced) this.left(peer);
      this.unannounced.clear();
    }, ANNOUNCED_WITHIN_MS);
  }

  /** Somebody wants to watch. One who watches already, and is told of again, keeps the connection. */
  announced(caller: Caller): void {
    const { peer } = caller;
    this.unannounced.delete(peer);
    const known = this.links.get(peer);
    if (known?.isWatching && known.maySpeak === caller.maySpeak) {
      known.again();
      return;
    }
    if (known !== undefined) this.left(peer);
    const { stream } = this.lens;
    if (stream === null) {
      this.waiting.set(peer, caller);
      return;
    }
    const link = new Link(caller, {
      send: (message) => this.handlers.send(message),
      wish: (who, wish) => this.wished(who, wish),
      changed: () => this.recount(),
      broken: (who, reason) => {
        this.handlers.send({ type: "bye", peer: who.peer, reason });
        this.left(who.peer);
      },
    });
    this.links.set(peer, link);
    void link.begin(stream);
    this.handlers.changed();
  }

  /** There is a picture again: those who came while there was none get it now. */
  opened(): void {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const caller of waiting) this.announced(caller);
  }

  relayed(message: Relayed): void {
    const link = this.links.get(message.peer);
    if (link === undefined) return;
    if (message.type === "description") link.description(message.description);
    else if (message.type === "candidate") link.candidate(message.candidate);
    else this.left(message.peer);
  }

  left(peer: string): void {
    this.waiting.delete(peer);
    const link = this.links.get(peer);
    if (link === undefined) return;
    this.hush(link);
    this.links.delete(peer);
    link.close();
    this.recount();
  }

  closeAll(): void {
    this.waiting.clear();
    for (const peer of [...this.links.keys()]) this.left(peer);
  }

  replace(track: MediaStreamTrack): void {
    for (const link of this.links.values()) link.replace(track);
    this.bound();
  }

  restart(): void {
    for (const link of this.links.values()) link.restart();
  }

  tell(state: PhoneState): void {
    for (const link of this.links.values()) link.tell({ type: "state", state });
  }

  look(): void {
    for (const link of this.links.values()) {
      link.look();
      // Who cannot be reached gives the word back: others may want to speak.
      if (!link.isWatching) this.hush(link);
    }
  }

  /** Tells how much each connection has sent. */
  async usage(tell: (connection: object, bytes: number) => void): Promise<void> {
    for (const link of this.links.values()) tell(link, await link.sent());
  }

  private wished(link: Link, wish: Wish): void {
    if (wish.type === "quality") {
      link.want(wish.height);
      this.bound();
    } else if (wish.type === "talk") {
      if (wish.on) this.floor(link);
      else this.hush(link);
      this.handlers.changed();
    } else {
      this.handlers.wish(wish);
    }
  }

  private floor(link: Link): void {
    const answer = this.speaking.ask(link.peer, link.maySpeak);
    if (answer.yours && link.voice !== null) this.voice.speak(link.voice);
    link.tell({ type: "floor", ...answer });
  }

  private hush(link: Link): void {
    if (!this.speaking.give(link.peer)) return;
    this.voice.hush();
    link.tell({ type: "floor", yours: false, busy: false });
  }

  private recount(): void {
    this.bound();
    this.handlers.changed();
  }

  private bound(): void {
    const count = this.count;
    for (const link of this.links.values()) link.bound(this.lens.height, count);
  }
}
