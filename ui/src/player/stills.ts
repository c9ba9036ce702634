/** One picture a second from the server, for codecs that the browser cannot play. Never two requests at a time. */
export class StillFeed {
  private readonly image: HTMLImageElement;
  private readonly camera: string;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(image: HTMLImageElement, camera: string, periodMs = 1_000) {
    this.image = image;
    this.camera = camera;
    const next = (): void => {
      if (!this.closed) this.timer = setTimeout(() => this.load(), periodMs);
    };
    image.onload = next;
    image.onerror = next;
    this.load();
  }

  private load(): void {
    const width = Math.min(1_280, Math.max(160, Math.round(this.image.clientWidth * devicePixelRatio)));
    this.image.src = `/api/cameras/${this.camera}/latest.jpg?width=${width}&_=${Date.now()}`;
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.image.onload = null;
    this.image.onerror = null;
    this.image.removeAttribute("src");
  }
}
