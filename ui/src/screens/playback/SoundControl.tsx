import { ActionIcon, Tooltip } from "@mantine/core";
import { IconVolume, IconVolumeOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Hearing } from "./useHearing";

/** Turns the sound on and off, and says how loud; `data-sound` tells what comes of it. */
export function SoundControl({ hearing }: { hearing: Hearing }) {
  const { t } = useTranslation();
  const { on, some, state } = hearing;
  const label = on ? t("playback.soundOff") : t("playback.soundOn");
  const trouble =
    state === "failed"
      ? t("camera.soundFailed")
      : state === "blocked"
        ? t("playback.soundBlocked")
        : state === "silent"
          ? t("playback.soundNotHere")
          : null;
  const hint = !some ? t("playback.soundNone") : `${(on ? trouble : null) ?? label} (s)`;
  const Icon = on ? IconVolume : IconVolumeOff;
  return (
    <div className="hc-hearing">
      <Tooltip label={hint}>
        <ActionIcon
          variant={on && some ? "light" : "subtle"}
          color={on && some ? undefined : "gray"}
          size="lg"
          aria-label={label}
          aria-pressed={on}
          aria-disabled={!some || undefined}
          data-sound={on ? state : "off"}
          data-some={some || undefined}
          className="hc-hearing-button"
          onClick={hearing.toggle}
        >
          <Icon size={19} stroke={1.6} aria-hidden />
        </ActionIcon>
      </Tooltip>
      {on && some && (
        <input
          type="range"
          className="hc-volume"
          min={0}
          max={1}
          step={0.05}
          value={hearing.volume}
          aria-label={t("camera.volume")}
          onChange={(event) => hearing.setVolume(Number(event.currentTarget.value))}
        />
      )}
      <audio ref={hearing.audio} />
    </div>
  );
}
