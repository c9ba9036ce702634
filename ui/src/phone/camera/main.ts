import "@/app/base.css";
import "../phone.css";
import { codeFrom } from "../code";
import { startWords } from "../words";
import { App } from "./app";

const { code, rest } = codeFrom(location.href);
// The code must stay in no history, no bookmark and no picture of the screen.
if (location.href !== `${location.origin}${rest}`) history.replaceState(null, "", rest);
await startWords();
new App(document.getElementById("root") as HTMLElement, code).start();
