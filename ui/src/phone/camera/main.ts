import "@/app/base.css";
import "../phone.css";
import { codeFrom } from "../code";
import { startWords } from "../words";
import { App } from "./app";

/** The code of the link, if there is one. It must stay in no history, no bookmark and no picture of the screen. */
function taken(): string | null {
  const { code, rest } = codeFrom(location.href);
  if (location.href !== `${location.origin}${rest}`) history.replaceState(null, "", rest);
  return code;
}

const code = taken();
await startWords();
const app = new App(document.getElementById("root") as HTMLElement);
app.start(code);
// A link that is followed while the page is open changes only what stands behind the #.
window.addEventListener("hashchange", () => app.arrive(taken()));
