/** A page without a framework: elements made once, and changed where they stand. Text goes in as text only. */

type Content = Node | string | null;
type Given = string | number | boolean | null | undefined | ((event: Event) => void);

const SVG = "http://www.w3.org/2000/svg";

/** `onclick`, … are listeners; `true` sets an attribute without a value; `null` and `false` leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  given: Record<string, Given> = {},
  ...contents: Content[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, String(value));
  }
  element.append(...contents.filter((one) => one !== null));
  return element;
}

const ICONS = {
  camera: "M4 7h3l1.5-2h7L17 7h3v12H4zM12 9.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  flip: "M4 12a8 8 0 0 1 13.7-5.6L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.7 5.6L4 15.5M4 20v-4.5h4.5",
  torch: "M8 3h8v4l-2 3v11h-4V10L8 7zM8 6.5h8M12 13v2",
  mic: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  micOff:
    "M9 6a3 3 0 0 1 6 0v5m-1 2.3A3 3 0 0 1 9 11V9M5.5 11a6.5 6.5 0 0 0 10.8 4.9M18.5 11a6 6 0 0 1-.6 2.6M12 17.5V21M4 4l16 16",
  dim: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z",
  stop: "M7 7h10v10H7z",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  soundOff: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  picture: "M4 5h16v14H4zM4 16l4.5-5 4 4.5 2.5-2.5 5 5M15.5 8.5h.01",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  battery: "M3 8h15v8H3zM21 11v2",
  network: "M3 9.5a13 13 0 0 1 18 0M6 13a8.5 8.5 0 0 1 12 0M9 16.3a4.2 4.2 0 0 1 6 0M12 19.5h.01",
  record: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17h.01",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  off: "M4 4l16 16M7 7H4v12h14M12 5h3.5L17 7h3v9.5M9.6 11.2a3.5 3.5 0 0 0 4.6 4.7",
  check: "M4.5 12.5l5 5 10-11",
  shutter:
    "M4 4l16 16M10.5 5.6c.5-.1 1-.1 1.5-.1 6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-2.6 3.5M6.5 7.4A16 16 0 0 0 2.5 12S6 18.5 12 18.5c1.6 0 3-.4 4.2-1.1M9.9 10a2.8 2.8 0 0 0 4 4",
  more: "M4 7.5h8.5M17.5 7.5H20M15 5v5M4 16.5h2.5M11.5 16.5H20M9 14v5",
  unlink: "M9.5 14.5l5-5M11 7l2-2a4.2 4.2 0 0 1 6 6l-2 2M13 17l-2 2a4.2 4.2 0 0 1-6-6l2-2M4 4l3 3M20 20l-3-3",
} as const;
export type Icon = keyof typeof ICONS;

/** One of our own drawings, 24 units square. */
export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [
    ["viewBox", "0 0 24 24"],
    ["aria-hidden", "true"],
    ["class", "ph-icon"],
  ] as const)
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** The haechi's head, as in the application. */
export function logo(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "ph-logo");
  const shapes = [
    [
      "currentColor",
      "M16 2.6 13.8 8.2 7.8 6.2 6.4 13 3.6 15 6.6 23.2 12.2 28.6 16 30 19.8 28.6 25.4 23.2 28.4 15 25.6 13 24.2 6.2 18.2 8.2Z",
    ],
    [
      "var(--hc-logo-ink)",
      "M9 14.2 14 16.2 13.1 18.8 9.4 17.5ZM23 14.2 18 16.2 18.9 18.8 22.6 17.5ZM12 23.8 16 20.9 20 23.8 16 26.3Z",
    ],
  ] as const;
  for (const [fill, d] of shapes) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("fill", fill);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** A round button with its name under it. */
export function roundButton(name: Icon, text: string, press: () => void, extra: Record<string, Given> = {}) {
  return h(
    "button",
    { type: "button", class: "ph-round", onclick: press, ...extra },
    h("span", { class: "ph-round-face" }, icon(name)),
    h("span", { class: "ph-round-name" }, text),
  );
}

export function setIcon(button: HTMLElement, name: Icon): void {
  button.querySelector("svg")?.replaceWith(icon(name));
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
