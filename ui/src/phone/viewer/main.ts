import "@/app/base.css";
import "../phone.css";
import { h, logo } from "../dom";
import { say, startWords } from "../words";
import { PhoneView } from "./view";

const camera = /^\/watch\/([\w-]+)\/?$/.exec(location.pathname)?.[1] ?? "";

/** Null: nobody is logged in. Empty: the server does not say. */
async function nameOf(): Promise<string | null> {
  const answer = await fetch(`/api/cameras/${camera}`, { credentials: "same-origin" }).catch(() => null);
  if (answer?.status === 401) return null;
  if (!answer?.ok) return "";
  return ((await answer.json()) as { name?: string }).name ?? "";
}

/** Whether it is a camera of another kind, which the application shows. */
async function isNoPhone(): Promise<boolean> {
  const answer = await fetch(`/api/phones/${camera}`, { credentials: "same-origin" }).catch(() => null);
  return answer?.status === 404;
}

const signIn = `/login?next=${encodeURIComponent(location.pathname)}`;
const [name, noPhone] = await Promise.all([nameOf(), isNoPhone(), startWords()]);
if (name === null) {
  location.replace(signIn);
} else if (noPhone && name !== "") {
  location.replace(`/live/${camera}`);
} else {
  const shown = name === "" ? say("view.phone") : name;
  document.documentElement.lang = say("lang");
  document.title = `${shown} · Haechi`;
  const view = h("div", {});
  const root = document.getElementById("root") as HTMLElement;
  root.replaceChildren(
    h(
      "main",
      { class: "ph-watch" },
      h(
        "header",
        { class: "ph-watch-head" },
        h("a", { href: "/live", class: "ph-home", "aria-label": say("view.home") }, logo()),
        h("h1", {}, shown),
      ),
      view,
    ),
  );
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "short" });
  const made = new PhoneView(view, { camera, name: shown, signIn, time: (ms) => format.format(ms) });
  window.addEventListener("pagehide", () => made.close());
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}
