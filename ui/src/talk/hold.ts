/**
 * Push to talk: something is on for as long as a button, or a key, is held, and never a moment longer than somebody
 * looks. No framework.
 */

const TYPING = "input, textarea, select, [contenteditable=true], [role=combobox], [role=menu]";

export interface HoldOptions {
  press(): void;
  release(): void;
  /** A key that does the same wherever no text field has the focus; none when left out. */
  key?: string;
  /** Whether single keys count at all. */
  keysOn?(): boolean;
}

/** What is held: by what, or by nothing. Values in, calls out; tested without a page. */
export class Held {
  private by = "";

  constructor(
    private readonly pressed: () => void,
    private readonly released: () => void,
  ) {}

  get isDown(): boolean {
    return this.by !== "";
  }

  /** Only the first counts: who holds the button and then presses the key holds the button. */
  down(by: string): void {
    if (this.by !== "") return;
    this.by = by;
    this.pressed();
  }

  /** What did not press does not let go. */
  up(by: string): void {
    if (this.by === by) this.drop();
  }

  /** Let go, whatever holds it. */
  drop(): void {
    if (this.by === "") return;
    this.by = "";
    this.released();
  }

  /** For hands, voices and switches that cannot hold: one click on, one off. */
  toggle(by: string): void {
    if (this.by === "") this.down(by);
    else this.drop();
  }
}

/** Makes `button` a button that is held; gives the function that takes everything back, letting go first. */
export function holdToTalk(button: HTMLElement, options: HoldOptions): () => void {
  const held = new Held(options.press, options.release);
  const cleanup = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (event: HTMLElementEventMap[K]) => void,
  ): void => button.addEventListener(type, listener, { signal: cleanup.signal });
  const drop = (): void => held.drop();

  on("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary || isOff(button)) return;
    event.preventDefault();
    button.focus({ preventScroll: true });
    button.setPointerCapture(event.pointerId);
    held.down("pointer");
  });
  on("pointerup", () => held.up("pointer"));
  on("pointercancel", () => held.up("pointer"));
  on("lostpointercapture", () => held.up("pointer"));
  on("contextmenu", (event) => event.preventDefault());
  on("keydown", (event) => {
    if ((event.key !== " " && event.key !== "Enter") || isOff(button)) return;
    event.preventDefault();
    if (!event.repeat) held.down("button key");
  });
  on("keyup", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    held.up("button key");
  });
  on("click", (event) => {
    // A click that no pointer and no key made: a screen reader's, a switch's, a voice's.
    if (event.detail === 0 && !isOff(button)) held.toggle("click");
  });
  on("blur", () => held.up("button key"));

  const page = { signal: cleanup.signal };
  // Before the page's own keys: Escape lets go, and does nothing else then.
  const first = { ...page, capture: true };
  document.addEventListener("keydown", (event) => pageKey(event, held, button, options), first);
  document.addEventListener(
    "keyup",
    (event) => {
      if (options.key !== undefined && event.key.toLowerCase() === options.key) held.up("key");
    },
    page,
  );
  document.addEventListener("visibilitychange", () => document.hidden && drop(), page);
  window.addEventListener("blur", drop, page);
  window.addEventListener("pagehide", drop, page);
  return () => {
    cleanup.abort();
    drop();
  };
}

function pageKey(event: KeyboardEvent, held: Held, button: HTMLElement, options: HoldOptions): void {
  if (event.key === "Escape" && held.isDown) {
    event.preventDefault();
    event.stopImmediatePropagation();
    held.drop();
    return;
  }
  if (options.key === undefined || event.key.toLowerCase() !== options.key || isOff(button)) return;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (options.keysOn !== undefined && !options.keysOn()) return;
  const target = event.target as HTMLElement | null;
  if (target?.closest(TYPING) || document.querySelector("[aria-modal=true]") !== null) return;
  event.preventDefault();
  if (!event.repeat) held.down("key");
}

const isOff = (button: HTMLElement): boolean =>
  button.hasAttribute("disabled") || button.getAttribute("aria-disabled") === "true";
