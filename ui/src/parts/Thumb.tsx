import { useState } from "react";

const RETRY_MS = [2_000, 8_000];

/** A small picture that the server may need a moment for: a moving ground until it is there, then two more tries. */
export function Thumb({ src }: { src: string }) {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<"waiting" | "there" | "none">("waiting");
  const failed = (): void => {
    const wait = RETRY_MS[attempt];
    setState("none");
    if (wait === undefined) return;
    setTimeout(() => {
      setAttempt(attempt + 1);
      setState("waiting");
    }, wait);
  };
  return (
    <img
      key={attempt}
      className="hc-thumb"
      data-state={state}
      src={attempt === 0 ? src : `${src}&try=${attempt}`}
      alt=""
      loading="lazy"
      decoding="async"
      onLoad={() => setState("there")}
      onError={failed}
    />
  );
}
