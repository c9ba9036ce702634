import { say } from "../words";
import { Duty } from "./duty";
import { DutyScreen } from "./dutyScreen";
import { LensError, obstacle } from "./lens";
import {
  forget,
  leave,
  PairError,
  type Paired,
  pair,
  remember,
  remembered,
  setOnDuty,
  wasOnDuty,
  wasUnpaired,
} from "./paired";
import { PairScreen } from "./pairScreen";
import { ReadyScreen } from "./readyScreen";
import { Voice } from "./voice";

/** Which of the page's three screens is shown: the code, the explanation, the camera. */
export class App {
  private paired: Paired | null = remembered();
  private duty: Duty | null = null;
  private readonly root: HTMLElement;
  private readonly sound = document.createElement("audio");

  constructor(root: HTMLElement) {
    this.root = root;
    this.sound.setAttribute("playsinline", "");
    this.sound.hidden = true;
    document.body.append(this.sound);
    window.addEventListener("pagehide", () => this.duty?.stop());
    // What the browser kept of a page that was left has no connections any more.
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  start(code: string | null): void {
    document.documentElement.lang = say("lang");
    document.title = say("title.camera");
    if (this.paired === null) this.showPairing(code);
    else if (code !== null) this.showPairing(code, this.paired.name);
    else void this.goOn(this.paired);
  }

  /** A code came while the page was open. Who is on duty stays there: a link alone ends nothing. */
  arrive(code: string | null): void {
    if (code !== null && this.duty === null) this.showPairing(code, this.paired?.name ?? null);
  }

  /** After a reload: by itself where the browser lets us, with a tap where it does not. */
  private async goOn(paired: Paired): Promise<void> {
    if (wasOnDuty() && obstacle() === null && (await mayAtOnce())) {
      await this.begin(paired, false);
      return;
    }
    this.showReady(paired);
  }

  private showPairing(code: string | null, replaces: string | null = null, fault = ""): void {
    const screen = new PairScreen({
      code: code ?? "",
      fault,
      replaces,
      pair: (typed) => this.pair(typed, screen),
      keep: () => this.paired !== null && this.showReady(this.paired),
    });
    this.show(screen.element);
    if (code !== null && replaces === null && obstacle() === null) void this.pair(code, screen);
  }

  private async pair(code: string, screen: PairScreen): Promise<void> {
    screen.busy(true);
    try {
      const paired = await pair(code);
      this.paired = paired;
      remember(paired);
      this.showReady(paired);
    } catch (error) {
      screen.busy(false);
      screen.tell(error instanceof PairError ? error.code : "unreachable");
    }
  }

  private showReady(paired: Paired, fault = ""): void {
    const screen = new ReadyScreen({
      name: paired.name,
      fault,
      isReturn: wasOnDuty(),
      start: () => void this.begin(paired, true),
      unpair: () => void this.unpair(paired),
    });
    this.show(screen.element);
    void this.look(paired);
  }

  /** It may have been unpaired elsewhere while nobody looked: said before somebody starts in vain. */
  private async look(paired: Paired): Promise<void> {
    if ((await wasUnpaired(paired)) && this.paired === paired && this.duty === null)
      this.ended(paired, "unpaired");
  }

  private async begin(paired: Paired, tapped: boolean): Promise<void> {
    const voice = new Voice(this.sound, () => screen.update());
    if (tapped) voice.unlock();
    const duty = new Duty(paired, voice, {
      changed: () => screen.update(),
      picture: (stream) => screen.picture(stream),
      ended: (reason) => this.ended(paired, reason),
    });
    const screen: DutyScreen = new DutyScreen(duty, voice, () => {
      duty.stop();
      this.duty = null;
      setOnDuty(false);
      this.showReady(paired);
    });
    this.duty = duty;
    this.show(screen.element);
    try {
      if (!(await duty.start())) return;
      setOnDuty(true);
      screen.begun();
    } catch (error) {
      this.duty = null;
      screen.close();
      this.showReady(paired, error instanceof LensError ? error.fault : "camera-busy");
    }
  }

  private ended(paired: Paired, reason: string): void {
    this.duty = null;
    if (reason === "replaced") {
      this.showReady(paired, "replaced");
      return;
    }
    forget();
    this.paired = null;
    this.showPairing(null, null, "unpaired");
  }

  /** Phone and server forget the key. The camera and its footage stay, for another phone. */
  private async unpair(paired: Paired): Promise<void> {
    const isTold = await leave(paired);
    forget();
    this.paired = null;
    this.showPairing(null, null, isTold ? "" : "untold");
  }

  private show(element: HTMLElement): void {
    this.root.replaceChildren(element);
    element.querySelector<HTMLElement>("[autofocus]")?.focus();
  }
}

/** Whether the camera opens without a question. Where the browser does not say, a tap comes first. */
async function mayAtOnce(): Promise<boolean> {
  try {
    const answer = await navigator.permissions.query({ name: "camera" as PermissionName });
    return answer.state === "granted";
  } catch {
    return false;
  }
}
