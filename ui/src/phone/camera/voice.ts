/** The viewer's voice in the phone's speaker: only while they talk, through an element that a tap unlocked. */

type Context = typeof AudioContext;

export class Voice {
  /** The browser wants a tap before this page may sound. */
  blocked = false;
  private readonly element: HTMLAudioElement;
  private readonly changed: () => void;
  private unlocked = false;

  constructor(element: HTMLAudioElement, changed: () => void) {
    this.element = element;
    this.changed = changed;
  }

  /** In a tap: what has played once in one may play again without. */
  unlock(): void {
    if (this.unlocked) return;
    const Kind =
      globalThis.AudioContext ?? (globalThis as { webkitAudioContext?: Context }).webkitAudioContext;
    if (Kind === undefined) return;
    const context = new Kind();
    const silence = context.createMediaStreamDestination().stream;
    if (this.element.srcObject === null) this.element.srcObject = silence;
    void this.element.play().then(
      () => this.freed(context, silence),
      () => void context.close(),
    );
  }

  speak(stream: MediaStream): void {
    this.element.srcObject = stream;
    this.element.muted = false;
    void this.element.play().then(
      () => this.setBlocked(false),
      (error: unknown) => {
        // Taken away again before it began: nobody speaks any more.
        if (error instanceof DOMException && error.name === "NotAllowedError") this.setBlocked(true);
      },
    );
  }

  hush(): void {
    this.element.pause();
    this.element.srcObject = null;
  }

  private freed(context: AudioContext, silence: MediaStream): void {
    this.unlocked = true;
    if (this.element.srcObject === silence) this.hush();
    void context.close();
    this.setBlocked(false);
  }

  private setBlocked(blocked: boolean): void {
    if (this.blocked === blocked) return;
    this.blocked = blocked;
    this.changed();
  }
}
