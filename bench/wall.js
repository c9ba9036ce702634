// Runs in the page before anything else: notes when the wall stands, when each tile has a picture, what is on screen.
(() => {
  const wall = { interactive: 0, first: {}, blockedMs: 0, longest: 0 };
  window.wall = wall;
  const HAS_PICTURE = new Set(["live", "stills"]);
  const look = () => {
    const tiles = document.querySelectorAll(".hc-wall-slot .hc-tile");
    if (wall.interactive === 0 && tiles.length >= window.wallCameras) {
      requestAnimationFrame(() => setTimeout(() => {
        if (wall.interactive === 0) wall.interactive = performance.now();
      }));
    }
    for (const { dataset } of tiles) {
      if (HAS_PICTURE.has(dataset.state) && dataset.seq !== undefined && wall.first[dataset.camera] === undefined) {
        wall.first[dataset.camera] = performance.now();
      }
    }
  };
  setInterval(look, 25);
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      wall.blockedMs += duration - 50;
      wall.longest = Math.max(wall.longest, duration);
    }
  }).observe({ type: "longtask", buffered: true });

  /** What is on screen: state, age of the picture in ms, number of the unit. */
  wall.tiles = () =>
    [...document.querySelectorAll(".hc-wall-slot .hc-tile")].map(({ dataset }) => ({
      state: dataset.state,
      camera: dataset.camera,
      ageMs: dataset.capturedNs ? Date.now() - Number(BigInt(dataset.capturedNs) / 1_000_000n) : null,
      seq: Number(dataset.seq ?? -1),
    }));
  wall.hide = (hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    Object.defineProperty(document, "visibilityState", {
      configurable: true, get: () => (hidden ? "hidden" : "visible"),
    });
    wall.at = performance.now();
    document.dispatchEvent(new Event("visibilitychange"));
  };
  /** Ms until each tile that moves is within a second of live again, and shows a picture taken after it was shown. */
  wall.back = (timeoutMs) =>
    new Promise((resolve) => {
      const shownAt = Date.now();
      const back = {};
      const timer = setInterval(() => {
        const moving = wall.tiles().filter(({ state }) => state === "live");
        for (const { camera, ageMs } of moving) {
          if (ageMs < 1_000 && Date.now() - ageMs > shownAt - 1_000) back[camera] ??= performance.now() - wall.at;
        }
        const count = Object.keys(back).length;
        if (count >= window.wallMoving || performance.now() - wall.at > timeoutMs) {
          clearInterval(timer);
          resolve(Object.values(back));
        }
      }, 25);
    });
})();
