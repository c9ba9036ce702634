/** The browser's media source: the common one, or the managed one, which is all that an iPhone has (iOS 17.1 on). */

type SourceClass = typeof MediaSource;

/** What the managed one adds: the browser says when it wants data, and may throw some away at any time. */
interface Managed {
  readonly streaming: boolean;
}

declare global {
  var ManagedMediaSource: SourceClass | undefined;
}

function sourceClass(): SourceClass | null {
  if (typeof MediaSource !== "undefined") return MediaSource;
  return globalThis.ManagedMediaSource ?? null;
}

export const hasMediaSource = (): boolean => sourceClass() !== null;

export const plays = (mime: string): boolean => sourceClass()?.isTypeSupported(mime) ?? false;

/** A media source in an element. Only where `hasMediaSource`. */
export class SourceIn {
  readonly media: MediaSource;
  private readonly url: string;
  private readonly element: HTMLMediaElement;
  private readonly managed: Managed | null;

  /** `wanted`: the browser wants data again. Of a managed source only; others always do. */
  constructor(element: HTMLMediaElement, opened: () => void, wanted: () => void = () => undefined) {
    const Source = sourceClass() as SourceClass;
    this.media = new Source();
    this.managed = "streaming" in this.media ? (this.media as MediaSource & Managed) : null;
    this.element = element;
    this.media.addEventListener("sourceopen", opened, { once: true });
    if (this.managed !== null) {
      // A managed source opens only in an element that plays nowhere else.
      element.disableRemotePlayback = true;
      this.media.addEventListener("startstreaming", wanted);
    }
    this.url = URL.createObjectURL(this.media);
    element.src = this.url;
  }

  /** False: the browser has enough for now. */
  get wants(): boolean {
    return this.managed?.streaming ?? true;
  }

  /** Calls `lost` when the browser threw data away by itself. */
  watch(buffer: SourceBuffer, lost: () => void): void {
    if (this.managed === null) return;
    buffer.addEventListener("bufferedchange", (event) => {
      const { removedRanges } = event as Event & { removedRanges?: TimeRanges };
      if ((removedRanges?.length ?? 0) > 0) lost();
    });
  }

  /** The element is given back empty where `empty`. */
  close(empty = false): void {
    if (empty) {
      this.element.removeAttribute("src");
      this.element.load();
    }
    URL.revokeObjectURL(this.url);
  }
}
