import { useEffect, useState } from "react";
import { query } from "@/api/client";
import type { Player } from "@/playback/player";

/** A picture that the camera sent as JPEG costs the server a read; any other has to be decoded there. */
const EACH_MS = { jpeg: 50, decoded: 500 };
const AGAIN_MS = 1_000;

/**
 * For footage that this browser plays no video of: the picture of the clock's time, fetched again as the clock goes on,
 * one at a time. Null until the first is there, or while `wanted` is false.
 */
export function usePlayedStills(
  camera: string,
  codec: string | null,
  player: Player | null,
  wanted: boolean,
) {
  const [shown, setShown] = useState<string | null>(null);
  useEffect(() => {
    if (!wanted || player === null) return;
    let gone = false;
    let last = -1;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const image = new Image();
    const later = (ms: number): void => {
      timer = setTimeout(next, ms);
    };
    const pause = codec === "mjpeg" ? EACH_MS.jpeg : EACH_MS.decoded;
    const next = (): void => {
      const at_ms = Math.floor(player.clock.now());
      if (at_ms === last) {
        later(pause);
        return;
      }
      last = at_ms;
      image.src = `/api/cameras/${camera}/still.jpg${query({ at_ms, width: codec === "mjpeg" ? undefined : 1280 })}`;
    };
    image.onload = () => {
      if (gone) return;
      setShown(image.src);
      later(pause);
    };
    image.onerror = () => {
      if (!gone) later(AGAIN_MS);
    };
    next();
    return () => {
      gone = true;
      if (timer !== null) clearTimeout(timer);
      setShown(null);
    };
  }, [camera, codec, player, wanted]);
  return shown;
}
