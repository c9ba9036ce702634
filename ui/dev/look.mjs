// Pictures and accessibility findings of every screen: `node dev/look.mjs OUT [BASE]`, with the development server up.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [out = "look", base = "http://127.0.0.1:5173", only = ""] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = {
  live: "/live",
  live1: "/live?layout=1",
  camera: "/live/cam_door",
  playback: "/playback?camera=cam_door",
  recorded: `/playback?camera=cam_door&t=${Date.now() - 600_000}`,
  events: "/events",
  event: "/events?event=evt_1",
  cameras: "/cameras",
  add: "/cameras/new",
  edit: "/cameras/cam_door",
  zones: "/cameras/cam_door?tab=zones",
  rules: "/cameras/cam_door?tab=rules",
  bookmarks: "/bookmarks",
  exports: "/exports",
  storage: "/storage",
  policy: "/storage?policy=default",
  capacity: "/capacity",
  losses: "/live/cam_door?losses=1",
  audit: "/audit",
  users: "/users",
  settings: "/settings",
  recording: "/settings?tab=recording",
  models: "/settings?tab=models",
  about: "/settings?tab=about",
  login: "/login",
  setup: "/setup#token=x",
  nothing: "/nowhere",
};
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
let findings = 0;
for (const [size, viewport] of Object.entries(SIZES)) {
  for (const scheme of ["dark", "light"]) {
    const context = await browser.newContext({
      viewport,
      colorScheme: scheme,
      locale: process.env.LOOK_LANG ?? "en",
    });
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && console.log(`console: ${message.text()}`));
    page.on("pageerror", (error) => console.log(`error: ${error.message}`));
    for (const [name, path] of Object.entries(PAGES)) {
      if (only !== "" && !only.split(",").includes(name)) continue;
      await page.goto(base + path, { waitUntil: "load" });
      await page.waitForTimeout(
        name.startsWith("live") || name === "recorded" || name === "event" ? 3_000 : 1_300,
      );
      await page.screenshot({ path: `${out}/${name}-${size}-${scheme}.png` });
      const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
      if (wide > 0) console.log(`${name} ${size}: ${wide} px too wide`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() =>
        globalThis.axe.run(document, {
          runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        }),
      );
      for (const row of violations) {
        findings += 1;
        console.log(
          `${name} ${size} ${scheme}: ${row.id}: ${row.nodes
            .slice(0, 3)
            .map((node) => `${node.target} ${node.any[0]?.message ?? ""}`)
            .join(" | ")}`,
        );
      }
    }
    await context.close();
  }
}
await browser.close();
console.log(`${findings} findings`);
