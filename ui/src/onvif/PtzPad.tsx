import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import {
  type Icon,
  IconArrowDown,
  IconArrowDownLeft,
  IconArrowDownRight,
  IconArrowLeft,
  IconArrowRight,
  IconArrowUp,
  IconArrowUpLeft,
  IconArrowUpRight,
  IconBookmarkPlus,
  IconMapPin,
  IconZoomIn,
  IconZoomOut,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import { shortcutsEnabled } from "@/app/shortcuts";
import { tellDone, tellFailure } from "@/parts/notices";
import { Mover, type Speed } from "./mover";
import "./onvif.css";
import { onvifQuery, type Preset, type Standing } from "./types";

const TURN = 0.5;
const NUDGE = 0.05;
const TYPING = "input, textarea, select, [contenteditable=true], [role=combobox], [role=menu]";

const WAYS = [
  { way: "upLeft", pan: -1, tilt: 1, icon: IconArrowUpLeft },
  { way: "up", pan: 0, tilt: 1, icon: IconArrowUp },
  { way: "upRight", pan: 1, tilt: 1, icon: IconArrowUpRight },
  { way: "left", pan: -1, tilt: 0, icon: IconArrowLeft },
  { way: "none", pan: 0, tilt: 0, icon: null },
  { way: "right", pan: 1, tilt: 0, icon: IconArrowRight },
  { way: "downLeft", pan: -1, tilt: -1, icon: IconArrowDownLeft },
  { way: "down", pan: 0, tilt: -1, icon: IconArrowDown },
  { way: "downRight", pan: 1, tilt: -1, icon: IconArrowDownRight },
] as const;

const KEYS: Record<string, Speed> = {
  ArrowLeft: { pan: -1, tilt: 0, zoom: 0 },
  ArrowRight: { pan: 1, tilt: 0, zoom: 0 },
  ArrowUp: { pan: 0, tilt: 1, zoom: 0 },
  ArrowDown: { pan: 0, tilt: -1, zoom: 0 },
  "+": { pan: 0, tilt: 0, zoom: 1 },
  "=": { pan: 0, tilt: 0, zoom: 1 },
  "-": { pan: 0, tilt: 0, zoom: -1 },
};

const times = (speed: Speed, by: number): Speed => ({
  pan: speed.pan * by,
  tilt: speed.tilt * by,
  zoom: speed.zoom * by,
});

/** Turns a camera while a button or a key is held; goes to its places. */
export function PtzPad({ camera, standing }: { camera: string; standing: Standing }) {
  const { t } = useTranslation();
  const [mover] = useState(
    () => new Mover((order) => request("POST", `/api/cameras/${camera}/ptz`, order), tellFailure),
  );
  useHeldKeys(mover);
  useEffect(() => () => mover.release(), [mover]);
  return (
    <section className="hc-ptz" aria-label={t("onvif.move")}>
      <div className="hc-ptz-pad">
        {WAYS.map(({ way, pan, tilt, icon }) =>
          icon === null ? (
            <span key={way} className="hc-ptz-centre" aria-hidden />
          ) : (
            <HoldButton
              key={way}
              icon={icon}
              label={t(`onvif.way_${way}`)}
              speed={{ pan, tilt, zoom: 0 }}
              mover={mover}
            />
          ),
        )}
      </div>
      <div className="hc-ptz-zoom">
        <HoldButton
          icon={IconZoomIn}
          label={t("onvif.zoomIn")}
          speed={{ pan: 0, tilt: 0, zoom: 1 }}
          mover={mover}
        />
        <HoldButton
          icon={IconZoomOut}
          label={t("onvif.zoomOut")}
          speed={{ pan: 0, tilt: 0, zoom: -1 }}
          mover={mover}
        />
      </div>
      <Places camera={camera} presets={standing.presets} />
      <p className="hc-dim hc-small hc-ptz-keys">{t("onvif.keys")}</p>
    </section>
  );
}

function HoldButton({
  icon: Icon,
  label,
  speed,
  mover,
}: {
  icon: Icon;
  label: string;
  speed: Speed;
  mover: Mover;
}) {
  return (
    <Tooltip label={label} openDelay={600}>
      <ActionIcon
        variant="default"
        size={44}
        aria-label={label}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          mover.press(times(speed, TURN));
        }}
        onPointerUp={() => mover.release()}
        onPointerCancel={() => mover.release()}
        onLostPointerCapture={() => mover.release()}
        onContextMenu={(event) => event.preventDefault()}
        onClick={(event) => {
          if (event.detail === 0) mover.nudge(times(speed, NUDGE));
        }}
      >
        <Icon size={20} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}

/** Arrow keys turn, + and − zoom, while they are down; a page that loses the focus lets go. */
function useHeldKeys(mover: Mover): void {
  const held = useRef("");
  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      const speed = KEYS[event.key];
      const target = event.target as HTMLElement | null;
      if (speed === undefined || event.ctrlKey || event.metaKey || event.altKey || !shortcutsEnabled())
        return;
      if (target?.closest(TYPING) || document.querySelector("[aria-modal=true]") !== null) return;
      event.preventDefault();
      if (event.repeat && held.current === event.key) return;
      held.current = event.key;
      mover.press(times(speed, TURN));
    };
    const up = (event: KeyboardEvent): void => {
      if (event.key === held.current) release();
    };
    const release = (): void => {
      held.current = "";
      mover.release();
    };
    document.addEventListener("keydown", down);
    document.addEventListener("keyup", up);
    window.addEventListener("blur", release);
    return () => {
      document.removeEventListener("keydown", down);
      document.removeEventListener("keyup", up);
      window.removeEventListener("blur", release);
    };
  }, [mover]);
}

function Places({ camera, presets }: { camera: string; presets: Preset[] }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const go = useMutation({
    mutationFn: (preset: string) =>
      request("POST", `/api/cameras/${camera}/ptz`, { action: "preset", preset }),
    onError: tellFailure,
  });
  const add = useMutation({
    mutationFn: () => request<Preset>("POST", `/api/cameras/${camera}/presets`, { name: name.trim() }),
    onSuccess: async (preset) => {
      setName("");
      tellDone(t("onvif.remembered", { name: preset.name }));
      await queryClient.invalidateQueries({ queryKey: onvifQuery(camera).queryKey });
    },
    onError: tellFailure,
  });
  return (
    <div className="hc-ptz-places">
      <h3>{t("onvif.places")}</h3>
      {presets.length === 0 ? (
        <p className="hc-dim hc-small">{t("onvif.noPlaces")}</p>
      ) : (
        <ul>
          {presets.map((preset) => (
            <li key={preset.token}>
              <Button
                size="compact-sm"
                variant="default"
                leftSection={<IconMapPin size={14} aria-hidden />}
                onClick={() => go.mutate(preset.token)}
              >
                {preset.name}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") add.mutate();
        }}
      >
        <TextInput
          size="xs"
          aria-label={t("onvif.placeName")}
          placeholder={t("onvif.placeName")}
          value={name}
          maxLength={60}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Tooltip label={t("onvif.remember")}>
          <ActionIcon
            type="submit"
            variant="default"
            size={30}
            disabled={name.trim() === ""}
            loading={add.isPending}
            aria-label={t("onvif.remember")}
          >
            <IconBookmarkPlus size={16} />
          </ActionIcon>
        </Tooltip>
      </form>
    </div>
  );
}
