import { useCallback, useEffect, useRef, useState } from "react";
import { backoffMs } from "@/api/backoff";
import { type Fault, type Measure, mediaFault, type Phase, Publication, PublishError } from "./whip";

export interface Wish {
  path: string;
  headers: Record<string, string>;
  sound: boolean;
  /** The id of the camera to use; empty: the one at the back, where there is one. */
  device: string;
}

export interface Whip {
  phase: Phase;
  fault: Fault | null;
  media: MediaStream | null;
  /** What is said to this page. */
  said: MediaStream | null;
  measure: Measure | null;
  devices: MediaDeviceInfo[];
  start: (wish: Wish) => void;
  stop: () => void;
}

async function openMedia(wish: Wish): Promise<MediaStream> {
  if (!window.isSecureContext) throw new PublishError("insecure");
  if (typeof RTCPeerConnection === "undefined") throw new PublishError("no-webrtc");
  const video = {
    ...(wish.device === "" ? { facingMode: "environment" } : { deviceId: { exact: wish.device } }),
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30, max: 30 },
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: wish.sound });
  } catch (error) {
    throw new PublishError(mediaFault(error instanceof DOMException ? error.name : ""));
  }
}

/** Keeps publishing until it is stopped: what ends by itself begins again, a little later each time. */
export function useWhip(): Whip {
  const [phase, setPhase] = useState<Phase>("idle");
  const [fault, setFault] = useState<Fault | null>(null);
  const [media, setMedia] = useState<MediaStream | null>(null);
  const [said, setSaid] = useState<MediaStream | null>(null);
  const [measure, setMeasure] = useState<Measure | null>(null);
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const run = useRef<{ stop: () => void } | null>(null);

  const stop = useCallback(() => {
    run.current?.stop();
    run.current = null;
    setPhase("idle");
    setMeasure(null);
    setMedia(null);
    setSaid(null);
  }, []);

  const start = useCallback((wish: Wish) => {
    run.current?.stop();
    let stopped = false;
    let publication: Publication | null = null;
    let stream: MediaStream | null = null;
    let timer = 0;
    const close = (): void => {
      stopped = true;
      window.clearTimeout(timer);
      publication?.end();
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const again = (tries: number): void => {
      setPhase("again");
      setMeasure(null);
      setSaid(null);
      timer = window.setTimeout(() => void go(tries + 1), backoffMs(tries, 8_000));
    };
    const go = async (tries: number): Promise<void> => {
      try {
        setPhase(stream === null ? "asking" : "connecting");
        stream ??= await openMedia(wish);
        if (stopped) return close();
        setMedia(stream);
        setDevices(
          (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput"),
        );
        setPhase("connecting");
        const lost = (): void => {
          if (stopped) return;
          setFault("lost");
          again(1);
        };
        publication = new Publication(wish.headers, lost, true);
        await publication.begin(wish.path, stream);
        if (stopped) return close();
        setSaid(publication.said);
        setFault(null);
        setPhase("live");
      } catch (error) {
        publication?.end();
        if (stopped) return;
        const reason = error instanceof PublishError ? error : new PublishError("unreachable", true);
        setFault(reason.fault);
        if (reason.passing) return again(tries);
        close();
        setMedia(null);
        setPhase("idle");
      }
    };
    run.current = { stop: close };
    setFault(null);
    void go(1);
    const look = window.setInterval(() => {
      if (stopped) return window.clearInterval(look);
      publication?.measure().then(
        (now) => !stopped && setMeasure(now),
        () => undefined,
      );
    }, 1000);
  }, []);

  useEffect(() => {
    const leave = (): void => run.current?.stop();
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      leave();
    };
  }, []);

  return { phase, fault, media, said, measure, devices, start, stop };
}
