// Sets the colour scheme before the first paint. External, because the content policy forbids inline scripts.
(() => {
  let scheme = "auto";
  try {
    scheme = localStorage.getItem("haechi.scheme") || "auto";
  } catch {
    scheme = "auto";
  }
  const dark = scheme === "dark" || (scheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
