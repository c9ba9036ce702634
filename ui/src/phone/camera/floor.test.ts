import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Floor } from "./floor";

test("the second who wants to speak waits until the first is done", () => {
  const floor = new Floor();
  expect(floor.ask("anna", true)).toEqual({ yours: true, busy: false });
  expect(floor.ask("bert", true)).toEqual({ yours: false, busy: true });
  expect(floor.ask("anna", true)).toEqual({ yours: true, busy: false });
  expect(floor.give("bert")).toBe(false);
  expect(floor.holder).toBe("anna");
  expect(floor.give("anna")).toBe(true);
  expect(floor.ask("bert", true)).toEqual({ yours: true, busy: false });
});

test("who may not speak does not get the word, and keeps nobody from it", () => {
  const floor = new Floor();
  expect(floor.ask("guest", false)).toEqual({ yours: false, busy: false });
  expect(floor.ask("anna", true).yours).toBe(true);
  expect(floor.ask("guest", false)).toEqual({ yours: false, busy: true });
});

test("whatever happens, one person has the word at most: who got it last and did not give it back", () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom("ask", "give"), fc.constantFrom("a", "b", "c"), fc.boolean()),
  );
  fc.assert(
    fc.property(steps, (all) => {
      const floor = new Floor();
      let model: string | null = null;
      for (const [step, peer, may] of all) {
        if (step === "ask") {
          const answer = floor.ask(peer, may);
          expect(answer).toEqual({
            yours: may && (model === null || model === peer),
            busy: model !== null && model !== peer,
          });
          if (answer.yours) model = peer;
        } else if (floor.give(peer)) {
          expect(peer).toBe(model);
          model = null;
        }
        expect(floor.holder).toBe(model);
      }
    }),
  );
});
