import { useEffect, useState } from "react";
import { query } from "@/api/client";

/** While the playhead is dragged: the preview of that moment, at most ten a second. */
export function useScrubStill(camera: string, at: number | null): string | null {
  const [shown, setShown] = useState<string | null>(null);
  const rounded = at === null ? null : Math.round(at / 500) * 500;
  useEffect(() => {
    if (rounded === null) {
      setShown(null);
      return;
    }
    let gone = false;
    const image = new Image();
    const timer = setTimeout(() => {
      image.onload = () => !gone && setShown(image.src);
      image.src = `/api/cameras/${camera}/preview.jpg${query({ at_ms: rounded, width: 320 })}`;
    }, 60);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [camera, rounded]);
  return at === null ? null : shown;
}
