/** What the device tells of itself, where its browser has words for it. */

interface Battery extends EventTarget {
  level: number;
  charging: boolean;
}

interface Connection extends EventTarget {
  type?: string;
}

interface Telling {
  getBattery?: () => Promise<Battery>;
  connection?: Connection;
}

const device = (): Telling => navigator as Navigator & Telling;

const NETWORKS = new Set(["wifi", "cellular", "ethernet", "bluetooth", "wimax", "none"]);

export function networkName(type: string | undefined): string {
  return type !== undefined && NETWORKS.has(type) ? type : "unknown";
}

/** Battery and network, and a word when one of them changes. */
export class Senses {
  battery: number | null = null;
  charging: boolean | null = null;
  private power: Battery | null = null;
  private readonly changed: () => void;
  private readonly moved: () => void;

  /** `moved`: the device is on another network, or back on one. */
  constructor(changed: () => void, moved: () => void) {
    this.changed = changed;
    this.moved = moved;
  }

  get network(): string {
    return networkName(device().connection?.type);
  }

  async start(): Promise<void> {
    window.addEventListener("online", this.onMove);
    device().connection?.addEventListener("change", this.onMove);
    this.power =
      (await device()
        .getBattery?.()
        .catch(() => null)) ?? null;
    for (const name of ["levelchange", "chargingchange"]) this.power?.addEventListener(name, this.onPower);
    if (this.power !== null) this.onPower();
  }

  stop(): void {
    window.removeEventListener("online", this.onMove);
    device().connection?.removeEventListener("change", this.onMove);
    for (const name of ["levelchange", "chargingchange"]) this.power?.removeEventListener(name, this.onPower);
    this.power = null;
  }

  private readonly onMove = (): void => {
    this.changed();
    this.moved();
  };

  private readonly onPower = (): void => {
    this.battery = this.power === null ? null : Math.round(this.power.level * 100) / 100;
    this.charging = this.power?.charging ?? null;
    this.changed();
  };
}
