/** At most so many downloads at once, the most urgent first: a browser opens six connections to one server. */

interface Waiting {
  urgency: number;
  go: () => void;
  signal: AbortSignal;
}

export class Gate {
  private free: number;
  private waiting: Waiting[] = [];

  constructor(width: number) {
    this.free = width;
  }

  /** Runs `work` when its turn comes; the smallest `urgency` (seconds until it is needed) goes first. */
  async through<T>(urgency: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.enter(urgency, signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.leave();
    }
  }

  private enter(urgency: number, signal: AbortSignal): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((go) => this.waiting.push({ urgency, go, signal }));
  }

  private leave(): void {
    this.waiting.sort((a, b) => Number(b.signal.aborted) - Number(a.signal.aborted) || a.urgency - b.urgency);
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next.go();
  }
}
