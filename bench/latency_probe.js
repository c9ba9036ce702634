// Reads the time code of every picture that the page presents (see haechi.camera.virtual.timecode): its number, and how
// old it is at the moment for which the browser has put it on screen.
() => {
  const CELLS = 64, COLUMNS = 128, ROWS = 72, CLOCK_MS = 1 << 24;
  const HEAD = [1, 0, 1, 0], TAIL = [0, 1, 0, 1];
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.haechiSeen = [];
  const crc8 = (bytes) => {
    let crc = 0xff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let n = 0; n < 8; n++) crc = crc & 0x80 ? ((crc << 1) ^ 7) & 0xff : crc << 1;
    }
    return crc;
  };
  const read = (video) => {
    const width = video.videoWidth, height = video.videoHeight;
    canvas.width = width / 2;
    canvas.height = 1;
    context.drawImage(video, 0, Math.round(height - (0.5 * height) / ROWS), width / 2, 1, 0, 0, width / 2, 1);
    const { data } = context.getImageData(0, 0, canvas.width, 1);
    const bits = Array.from({ length: CELLS }, (_, cell) => (data[4 * Math.round(((cell + 0.5) * width) / COLUMNS)] > 125 ? 1 : 0));
    const isMarked = HEAD.every((bit, at) => bits[at] === bit) && TAIL.every((bit, at) => bits[60 + at] === bit);
    const bytes = Array.from({ length: 7 }, (_, byte) => parseInt(bits.slice(4 + 8 * byte, 12 + 8 * byte).join(""), 2));
    if (!isMarked || crc8(bytes.slice(0, 6)) !== bytes[6]) return null;
    const word = (at) => (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    return { frame: word(0), ms: word(3) };
  };
  const follow = (video) => {
    const seen = (_, meta) => {
      const code = read(video);
      if (code !== null) {
        const shownMs = performance.timeOrigin + meta.expectedDisplayTime;
        const age = (((shownMs - code.ms) % CLOCK_MS) + CLOCK_MS) % CLOCK_MS;
        window.haechiSeen.push([code.frame, age < CLOCK_MS / 2 ? age : age - CLOCK_MS]);
      }
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  };
  const known = new WeakSet();
  setInterval(() => {
    for (const video of document.querySelectorAll(".hc-tile video"))
      if (!known.has(video)) {
        known.add(video);
        follow(video);
      }
  }, 200);
}
