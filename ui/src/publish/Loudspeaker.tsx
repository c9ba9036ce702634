import { Switch } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

/**
 * Plays what people say to this camera. It is there only after *Start* was pressed: that gesture opens the loudspeaker.
 * A browser that wants another one gets it by the switch.
 */
export function Loudspeaker({ said, spokenTo }: { said: MediaStream; spokenTo: boolean }) {
  const { t } = useTranslation();
  const audio = useRef<HTMLAudioElement>(null);
  const [on, setOn] = useState(true);
  useEffect(() => {
    const { current } = audio;
    if (current === null) return;
    current.srcObject = on ? said : null;
    if (on) {
      current.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === "NotAllowedError") setOn(false);
      });
    }
  }, [said, on]);
  const speaks = on && spokenTo;
  return (
    <div className="hc-publish-loudspeaker" data-spoken-to={speaks}>
      <Switch
        checked={on}
        onChange={(event) => setOn(event.currentTarget.checked)}
        label={t("publish.loudspeaker")}
        description={t(speaks ? "publish.spokenTo" : "publish.loudspeakerHint")}
      />
      <audio ref={audio} autoPlay />
    </div>
  );
}
