import { h, icon } from "../dom";
import { say } from "../words";
import { Awake } from "./awake";
import { obstacle } from "./lens";
import { brand, notice } from "./pairScreen";

export interface ReadyWish {
  name: string;
  fault: string;
  /** It was on duty when the page was left: the browser wants a tap before it goes on. */
  isReturn: boolean;
  start: () => void;
  unpair: () => void;
}

/** Says what the browser will ask, and what the phone will do, before either happens. */
export class ReadyScreen {
  readonly element: HTMLElement;

  constructor(wish: ReadyWish) {
    const shown = notice(obstacle() ?? wish.fault);
    const points = [
      h("li", {}, icon("camera"), h("span", {}, say("ready.asks"))),
      h("li", {}, icon("lock"), h("span", {}, say("ready.direct"))),
      h("li", {}, icon("battery"), h("span", {}, say(Awake.isKnown ? "ready.open" : "ready.openNoLock"))),
    ];
    this.element = h(
      "main",
      { class: "ph-entry" },
      h(
        "div",
        { class: "ph-card" },
        brand(),
        h("h1", {}, say("ready.title", { name: wish.name })),
        h("p", { class: "ph-dim" }, say(wish.isReturn ? "ready.return" : "ready.hint")),
        h("div", { class: "ph-notices" }, shown),
        h("ul", { class: "ph-points" }, ...points),
        h(
          "button",
          {
            type: "button",
            class: "ph-button",
            onclick: wish.start,
            disabled: obstacle() !== null,
            autofocus: true,
          },
          say("ready.start"),
        ),
        unpairing(wish),
      ),
    );
  }
}

/** Asks before it does: a phone that is unpaired needs a new code from somebody who is logged in. */
function unpairing(wish: ReadyWish): HTMLElement {
  const place = h("div", { class: "ph-unpair" });
  const ask = (): void =>
    place.replaceChildren(
      h(
        "div",
        { role: "group", "aria-label": say("unpair.button") },
        h("p", {}, say("unpair.ask", { name: wish.name })),
        h("button", { type: "button", class: "ph-button ph-bad", onclick: wish.unpair }, say("unpair.yes")),
        h("button", { type: "button", class: "ph-button ph-quiet", onclick: rest }, say("unpair.no")),
      ),
    );
  const rest = (): void =>
    place.replaceChildren(
      h("button", { type: "button", class: "ph-button ph-quiet", onclick: ask }, say("unpair.button")),
    );
  rest();
  return place;
}
