const AGAIN_MS = 10_000;

/** Keeps the screen on: a phone whose screen goes off takes the camera away from the page. */
export class Awake {
  private lock: WakeLockSentinel | null = null;
  private wanted = false;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private readonly changed: (held: boolean) => void;

  constructor(changed: (held: boolean) => void) {
    this.changed = changed;
  }

  static get isKnown(): boolean {
    return "wakeLock" in navigator;
  }

  start(): void {
    this.wanted = true;
    document.addEventListener("visibilitychange", this.ask);
    this.ask();
  }

  stop(): void {
    this.wanted = false;
    if (this.retry !== null) clearTimeout(this.retry);
    document.removeEventListener("visibilitychange", this.ask);
    void this.lock?.release().catch(() => undefined);
    this.lock = null;
  }

  /** The browser takes the lock back whenever the page is hidden. */
  private readonly ask = (): void => {
    if (!this.wanted || document.hidden || !Awake.isKnown || this.lock !== null) return;
    void navigator.wakeLock.request("screen").then(
      (lock) => this.took(lock),
      () => this.refused(),
    );
  };

  /** A phone that saves power now may be plugged in later. */
  private refused(): void {
    this.changed(false);
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = setTimeout(this.ask, AGAIN_MS);
  }

  private took(lock: WakeLockSentinel): void {
    if (!this.wanted) {
      void lock.release().catch(() => undefined);
      return;
    }
    this.lock = lock;
    this.changed(true);
    lock.addEventListener("release", () => {
      if (this.lock === lock) this.lock = null;
      this.changed(false);
      this.ask();
    });
  }
}
