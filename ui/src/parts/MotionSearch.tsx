import { ActionIcon, Button, Group, Slider, Tooltip } from "@mantine/core";
import {
  IconArrowBackUp,
  IconMaximize,
  IconPhotoOff,
  IconPlayerStop,
  IconPointerPlus,
  IconSearch,
} from "@tabler/icons-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Point } from "@/api/types";
import { IDLE, runSearch, type SearchState } from "@/keeping/search";
import { addPoint, type Editor, faultsOf, openEditor, undo } from "@/zones/editor";
import { PointFields } from "@/zones/PointFields";
import { ZoneOverlay } from "@/zones/ZoneOverlay";
import { MotionHits } from "./MotionHits";
import "./motion.css";

export interface MotionSearchProps {
  camera: { id: string; name: string };
  startMs: number;
  endMs: number;
  /** Address of a still of that camera to draw on. */
  poster: string;
  onSeek: (ms: number) => void;
}

const COLOUR = "#3aa0ff";
const START: Point[] = [
  [0.25, 0.25],
  [0.75, 0.25],
  [0.75, 0.75],
  [0.25, 0.75],
];
const WHOLE: Point[] = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const SHARES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4] as const;
const open = (name: string): Editor => openEditor([{ name, colour: COLOUR, points: START }]);
const whole = (editor: Editor): Editor => {
  const grown = { ...editor, past: [...editor.past, editor.now] };
  const zones = editor.now.zones.map((zone) => ({ ...zone, points: WHOLE }));
  return { ...grown, now: { ...editor.now, zones, point: null } };
};

/** Looks through past footage for movement in a drawn region; hits appear as they are found. */
export function MotionSearch({ camera, startMs, endMs, poster, onSeek }: MotionSearchProps) {
  const { t } = useTranslation();
  const [editor, setEditor] = useState(() => open(t("motion.region")));
  const [level, setLevel] = useState(2);
  const [state, setState] = useState<SearchState>(IDLE);
  const running = useRef<AbortController | null>(null);
  const zone = editor.now.zones[0]!;
  const faults = faultsOf(zone).filter((fault) => fault !== "no-name");
  const share = SHARES[level] ?? SHARES[2];

  const stop = useCallback((): void => running.current?.abort(), []);
  // What was found belongs to one camera. The range is that of the moment when Search was pressed.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the camera is what ends a search
  useEffect(() => {
    setState(IDLE);
    return stop;
  }, [camera.id, stop]);
  const search = (): void => {
    stop();
    const controller = new AbortController();
    running.current = controller;
    const wish = {
      start_ms: Math.round(startMs),
      end_ms: Math.round(endMs),
      region: zone.points,
      min_share: share,
    };
    void runSearch(camera.id, wish, controller.signal, (change) => {
      if (running.current === controller) setState(change);
    });
  };

  return (
    <section className="hc-motion" aria-label={t("motion.title", { name: camera.name })}>
      <div className="hc-motion-stage">
        <Picture key={camera.id} poster={poster} editor={editor} change={setEditor} name={camera.name} />
        <p className="hc-dim hc-small">{t("motion.help")}</p>
      </div>
      <div className="hc-motion-side">
        <div>
          <div className="hc-label" id="motion-level">
            {t("motion.level")}
          </div>
          <Slider
            thumbProps={{ "aria-labelledby": "motion-level" }}
            value={level}
            onChange={setLevel}
            min={0}
            max={SHARES.length - 1}
            step={1}
            label={null}
            thumbValueText={() => t("motion.share", { percent: Math.round(share * 100) })}
            marks={SHARES.map((_share, value) => ({ value }))}
          />
          <p className="hc-dim hc-small hc-num">{t("motion.share", { percent: Math.round(share * 100) })}</p>
        </div>
        <details>
          <summary>{t("motion.points")}</summary>
          <PointFields editor={editor} index={0} change={setEditor} />
          <Group gap="xs" mt="xs">
            <Button
              size="compact-sm"
              variant="default"
              leftSection={<IconPointerPlus size={15} aria-hidden />}
              onClick={() => setEditor(addPoint(editor, 0))}
            >
              {t("zones.addPoint")}
            </Button>
          </Group>
        </details>
        <Group gap="xs">
          <Button
            variant="default"
            size="sm"
            leftSection={<IconMaximize size={16} aria-hidden />}
            onClick={() => setEditor(whole(editor))}
          >
            {t("motion.whole")}
          </Button>
          <Tooltip label={t("app.undo")}>
            <ActionIcon
              variant="default"
              size={36}
              disabled={editor.past.length === 0}
              onClick={() => setEditor(undo(editor))}
              aria-label={t("app.undo")}
            >
              <IconArrowBackUp size={18} />
            </ActionIcon>
          </Tooltip>
        </Group>
        {faults.map((fault) => (
          <p key={fault} className="hc-bad-text hc-small" role="alert">
            {t(fault === "crosses" ? "zones.fault_crosses" : "zones.fault_too-small")}
          </p>
        ))}
        {state.running ? (
          <Button variant="default" leftSection={<IconPlayerStop size={17} aria-hidden />} onClick={stop}>
            {t("motion.cancel")}
          </Button>
        ) : (
          <Button
            leftSection={<IconSearch size={17} aria-hidden />}
            onClick={search}
            disabled={faults.length > 0 || endMs <= startMs}
          >
            {t("motion.search")}
          </Button>
        )}
      </div>
      <MotionHits camera={camera} state={state} seek={onSeek} again={search} />
    </section>
  );
}

interface PictureProps {
  poster: string;
  editor: Editor;
  change: (editor: Editor) => void;
  name: string;
}

function Picture({ poster, editor, change, name }: PictureProps) {
  const { t } = useTranslation();
  const [size, setSize] = useState({ width: 1_280, height: 720 });
  const [missing, setMissing] = useState(false);
  // The region is drawn on one picture, whatever plays on behind.
  const [still] = useState(poster);
  return (
    <div
      className="hc-zone-canvas hc-motion-picture"
      style={{ aspectRatio: `${size.width} / ${size.height}` }}
    >
      {missing ? (
        <span className="hc-motion-none">
          <IconPhotoOff size={28} stroke={1.4} aria-hidden /> {t("motion.noPicture")}
        </span>
      ) : (
        <img
          src={still}
          alt=""
          onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) =>
            setSize({ width, height })
          }
          onError={() => setMissing(true)}
        />
      )}
      <ZoneOverlay editor={editor} change={change} size={size} label={t("motion.regionOf", { name })} />
    </div>
  );
}
