import { h, setText } from "../dom";
import { say, type Word } from "../words";
import { HEIGHTS, LOUD_DB } from "./choices";
import type { Duty } from "./duty";
import { shownBytes } from "./usage";

const LOUD_WORDS: Record<number, Word> = {
  [-20]: "choice.loud.bang",
  [-32]: "choice.loud.bark",
  [-44]: "choice.loud.purr",
};

/** What is chosen less often: the size of the picture, whether loud sounds are told, and what was sent. */
export class DutyPanel {
  readonly element: HTMLElement;
  private readonly duty: Duty;
  private readonly height: HTMLSelectElement;
  private readonly loud: HTMLSelectElement;
  private readonly sent = h("p", { class: "ph-choice-sent" });
  private offered = -1;

  constructor(duty: Duty) {
    this.duty = duty;
    this.height = h("select", { id: "height", onchange: () => duty.setHeight(Number(this.height.value)) });
    this.loud = h(
      "select",
      { id: "loud", onchange: () => duty.setLoud(this.loud.value === "" ? null : Number(this.loud.value)) },
      h("option", { value: "" }, say("choice.loud.off")),
      ...LOUD_DB.map((db) => h("option", { value: db }, say(LOUD_WORDS[db] ?? "choice.loud.bark"))),
    );
    this.loud.value = String(duty.choices.loudDb ?? "");
    this.element = h(
      "div",
      { class: "ph-choices", hidden: true, role: "group", "aria-label": say("duty.more") },
      h("label", { for: "height" }, say("choice.height")),
      this.height,
      h("label", { for: "loud" }, say("choice.loud")),
      this.loud,
      h("p", { class: "ph-choice-hint" }, say("choice.loud.hint")),
      this.sent,
    );
    this.update();
  }

  update(): void {
    const { usage, lens, choices } = this.duty;
    const most = lens.mostLines;
    if (most !== this.offered) {
      this.offered = most;
      const fitting = HEIGHTS.filter((lines) => most === 0 || lines <= most);
      this.height.replaceChildren(
        ...(fitting.length > 0 ? fitting : HEIGHTS.slice(-1)).map((lines) =>
          h("option", { value: lines, selected: lines === choices.height }, `${lines}p`),
        ),
      );
    }
    const language = document.documentElement.lang;
    const [now, month] = [shownBytes(usage.session, language), shownBytes(usage.thisMonth, language)];
    setText(this.sent, say("choice.sent", { now, month }));
  }
}
