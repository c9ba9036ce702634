import { IconVolume, IconVolumeOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Camera } from "@/api/types";
import type { SoundState } from "@/player/sound";
import { hasSound, setVolume, toggleSound, useSound } from "./sound";

interface SoundButtonProps {
  camera: Camera;
  heard: boolean;
  state: SoundState;
}

/** Turns a camera's sound on and off; not there when it has none. `data-sound` tells what comes of it. */
export function SoundButton({ camera, heard, state }: SoundButtonProps) {
  const { t } = useTranslation();
  if (!hasSound(camera)) return null;
  const label = heard ? t("camera.soundOff") : t("camera.soundOn");
  const Icon = heard ? IconVolume : IconVolumeOff;
  return (
    <button
      type="button"
      className="hc-sound"
      aria-pressed={heard}
      aria-label={label}
      title={heard && state === "failed" ? t("camera.soundFailed") : `${label} (m)`}
      data-sound={heard ? state : "off"}
      onClick={() => toggleSound(camera)}
    >
      <Icon size={18} stroke={1.6} aria-hidden />
    </button>
  );
}

/** How loud the camera is that one hears. */
export function Volume({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const sound = useSound();
  if (!hasSound(camera) || sound.camera !== camera.id) return null;
  return (
    <input
      type="range"
      className="hc-volume"
      min={0}
      max={1}
      step={0.05}
      value={sound.volume}
      aria-label={t("camera.volume")}
      onChange={(event) => setVolume(Number(event.currentTarget.value))}
    />
  );
}
