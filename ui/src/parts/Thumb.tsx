import { useState } from "react";

const RETRY_MS = [2_000, 8_000];

/** A small picture that the server may need a moment for: a moving ground until it is there, then two more tries. */
export function Thumb({ src }: { src: string }) {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<"waiting" | "there" | "none">("waiting");
  const failed = (): void => {
    const wait = RETRY_MS[attempt];
    if (wait === undefined) setState("none");
    else setTimeout(() => setAttempt(attempt + 1), wait);
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
