import { isWhole, shownCode } from "../code";
import { h, icon, logo } from "../dom";
import { say, type Word } from "../words";
import { obstacle } from "./lens";

export interface PairWish {
  code: string;
  /** Why the last pairing ended, or what went wrong. */
  fault: string;
  /** The camera that this phone is now, if it is one: a new code takes its place. */
  replaces: string | null;
  pair: (code: string) => void;
  keep: () => void;
}

const FAULTS: Record<string, [Word, Word]> = {
  "wrong-code": ["fault.wrong-code", "advice.wrong-code"],
  "too-many": ["fault.too-many", "advice.too-many"],
  unreachable: ["fault.unreachable", "advice.unreachable"],
  unpaired: ["fault.unpaired", "advice.unpaired"],
  untold: ["fault.untold", "advice.untold"],
  insecure: ["fault.insecure", "advice.insecure"],
  "no-webrtc": ["fault.no-webrtc", "advice.no-webrtc"],
  "no-permission": ["fault.no-permission", "advice.no-permission"],
  "no-camera": ["fault.no-camera", "advice.no-camera"],
  "camera-busy": ["fault.camera-busy", "advice.camera-busy"],
  replaced: ["fault.replaced", "advice.replaced"],
};

/** What happened, and what to do. Empty where nothing did. */
export function notice(fault: string): HTMLElement | null {
  const words = FAULTS[fault];
  if (words === undefined) return null;
  const isGood = fault === "unpaired" || fault === "replaced";
  return h(
    "div",
    { class: "ph-notice", role: "alert", "data-kind": isGood ? "note" : "fault" },
    icon("warning"),
    h("div", {}, h("strong", {}, say(words[0])), h("p", {}, say(words[1], { host: location.host }))),
  );
}

export function brand(): HTMLElement {
  return h("header", { class: "ph-brand" }, logo(), h("span", {}, "Haechi"));
}

/** Where the code is typed. */
export class PairScreen {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly button: HTMLButtonElement;
  private readonly notices = h("div", { class: "ph-notices" });

  constructor(wish: PairWish) {
    const stop = obstacle();
    this.input = h("input", {
      id: "code",
      class: "ph-code",
      value: shownCode(wish.code),
      autocomplete: "off",
      autocapitalize: "characters",
      autocorrect: "off",
      spellcheck: "false",
      placeholder: "ABCD-EFGH",
      "aria-describedby": "code-hint",
      required: true,
      disabled: stop !== null,
    });
    this.button = h(
      "button",
      { type: "submit", class: "ph-button", disabled: stop !== null },
      say("pair.button"),
    );
    this.input.addEventListener("input", (event) => {
      // While a Japanese or Korean keyboard composes, its text must not be touched.
      if (!(event as InputEvent).isComposing) this.input.value = shownCode(this.input.value);
    });
    const submit = (event: Event): void => {
      event.preventDefault();
      this.input.value = shownCode(this.input.value);
      if (isWhole(this.input.value)) wish.pair(this.input.value);
      else this.tell("wrong-code");
    };
    this.element = h(
      "main",
      { class: "ph-entry" },
      h(
        "div",
        { class: "ph-card" },
        brand(),
        h("h1", {}, say("pair.title")),
        h(
          "p",
          { class: "ph-dim" },
          say(wish.replaces === null ? "pair.hint" : "pair.replaces", { name: wish.replaces ?? "" }),
        ),
        this.notices,
        h(
          "form",
          { onsubmit: submit },
          h("label", { for: "code" }, say("pair.code")),
          this.input,
          h("p", { class: "ph-dim ph-small", id: "code-hint" }, say("pair.where")),
          this.button,
          wish.replaces === null
            ? null
            : h(
                "button",
                { type: "button", class: "ph-button ph-quiet", onclick: wish.keep },
                say("pair.keep", { name: wish.replaces }),
              ),
        ),
      ),
    );
    this.tell(stop ?? wish.fault);
  }

  tell(fault: string): void {
    const shown = notice(fault);
    this.notices.replaceChildren(...(shown === null ? [] : [shown]));
    this.input.setAttribute("aria-invalid", String(fault === "wrong-code"));
  }

  busy(on: boolean): void {
    this.button.disabled = on;
    this.button.textContent = say(on ? "pair.pairing" : "pair.button");
    this.input.readOnly = on;
  }
}
