import { ActionIcon, Button, Group, NativeSelect, Tooltip } from "@mantine/core";
import {
  IconBookmark,
  IconBracketsContainEnd,
  IconBracketsContainStart,
  IconDownload,
  IconMinus,
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconPlayerSkipBackFilled,
  IconPlayerSkipForwardFilled,
  IconPlayerTrackNextFilled,
  IconPlayerTrackPrevFilled,
  IconPlus,
  IconRewindBackward10,
  IconRewindForward10,
  IconRun,
  IconX,
} from "@tabler/icons-react";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useClock } from "@/app/site";
import { SPEEDS } from "@/playback/clock";
import { clockDuration } from "@/time/duration";
import { SoundControl } from "./SoundControl";
import type { Hearing } from "./useHearing";
import type { PlaybackActions } from "./useKeys";

export interface Marks {
  from: number | null;
  to: number | null;
}

interface TransportProps {
  live: boolean;
  playing: boolean;
  speed: number;
  at: number;
  marks: Marks;
  hearing: Hearing;
  actions: Omit<PlaybackActions, "live">;
}

interface ToolProps {
  label: string;
  keys?: string;
  onClick: () => void;
  disabled?: boolean;
  children: ReactNode;
}

function Tool({ label, keys, onClick, disabled = false, children }: ToolProps) {
  return (
    <Tooltip label={keys === undefined ? label : `${label} (${keys})`}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        onClick={onClick}
        disabled={disabled}
        aria-label={label}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

const speedText = (speed: number): string => `${speed < 0 ? "−" : ""}${Math.abs(speed)}×`;
const CHOICES = [...SPEEDS.toReversed(), ...SPEEDS.map((speed) => -speed)];

export function Transport({ live, playing, speed, at, marks, hearing, actions }: TransportProps) {
  const clock = useClock();
  return (
    <div className="hc-transport">
      <div className="hc-transport-time">
        <strong className="hc-num">{clock.time(at)}</strong>
        <span className="hc-dim hc-num">.{clock.timeMillis(at).slice(-3)}</span>
        <span className="hc-dim hc-num hc-transport-date">· {clock.date(at)}</span>
      </div>
      <Movement live={live} playing={playing} actions={actions} />
      <div className="hc-transport-live">
        <LivePill live={live} goLive={actions.goLive} />
        <SoundControl hearing={hearing} />
      </div>
      <Side live={live} speed={speed} from={marks.from} to={marks.to} actions={actions} />
    </div>
  );
}

const Movement = memo(function Movement({
  live,
  playing,
  actions,
}: Pick<TransportProps, "live" | "playing" | "actions">) {
  const { t } = useTranslation();
  return (
    <Group gap={2} wrap="nowrap" className="hc-transport-main">
      <Tool label={t("playback.previousEvent")} keys="⇧←" onClick={() => actions.jump(-1)}>
        <IconPlayerSkipBackFilled size={17} />
      </Tool>
      <Tool label={t("playback.back10")} keys="←" onClick={() => actions.skip(-10_000)}>
        <IconRewindBackward10 size={20} stroke={1.6} />
      </Tool>
      <Tool label={t("playback.frameBack")} keys="," onClick={() => actions.step(-1)} disabled={live}>
        <IconPlayerTrackPrevFilled size={15} />
      </Tool>
      <Tooltip label={`${playing ? t("playback.pause") : t("playback.play")} (space)`}>
        <ActionIcon
          variant="filled"
          size={44}
          radius="50%"
          onClick={actions.toggle}
          aria-label={playing ? t("playback.pause") : t("playback.play")}
        >
          {playing || live ? <IconPlayerPauseFilled size={20} /> : <IconPlayerPlayFilled size={20} />}
        </ActionIcon>
      </Tooltip>
      <Tool label={t("playback.frameOn")} keys="." onClick={() => actions.step(1)} disabled={live}>
        <IconPlayerTrackNextFilled size={15} />
      </Tool>
      <Tool label={t("playback.on10")} keys="→" onClick={() => actions.skip(10_000)} disabled={live}>
        <IconRewindForward10 size={20} stroke={1.6} />
      </Tool>
      <Tool label={t("playback.nextEvent")} keys="⇧→" onClick={() => actions.jump(1)} disabled={live}>
        <IconPlayerSkipForwardFilled size={17} />
      </Tool>
    </Group>
  );
});

function LivePill({ live, goLive }: { live: boolean; goLive: () => void }) {
  const { t } = useTranslation();
  return (
    <button type="button" className="hc-live-pill" data-live={live} onClick={goLive} aria-pressed={live}>
      <i aria-hidden /> {t("playback.live")}
    </button>
  );
}

type SideProps = Pick<TransportProps, "live" | "speed" | "actions"> & Marks;

const Side = memo(function Side({ live, speed, from, to, actions }: SideProps) {
  const { t } = useTranslation();
  const marked = from !== null && to !== null ? clockDuration(to - from) : null;
  return (
    <Group gap={4} wrap="nowrap" className="hc-transport-side">
      <NativeSelect
        size="xs"
        aria-label={t("playback.speed")}
        value={String(speed)}
        disabled={live}
        onChange={(event) => actions.setSpeed(Number(event.currentTarget.value))}
        data={CHOICES.map((value) => ({ value: String(value), label: speedText(value) }))}
      />
      <span className="hc-transport-zoom">
        <Tool label={t("playback.zoomOut")} keys="−" onClick={() => actions.zoomBy(2)}>
          <IconMinus size={17} />
        </Tool>
        <Tool label={t("playback.zoomIn")} keys="+" onClick={() => actions.zoomBy(0.5)}>
          <IconPlus size={17} />
        </Tool>
      </span>
      <Tool label={t("playback.markIn")} keys="i" onClick={() => actions.mark("from")}>
        <IconBracketsContainStart size={19} stroke={1.6} />
      </Tool>
      <Tool label={t("playback.markOut")} keys="o" onClick={() => actions.mark("to")}>
        <IconBracketsContainEnd size={19} stroke={1.6} />
      </Tool>
      {(from !== null || to !== null) && (
        <Tool label={t("playback.clearMarks")} onClick={actions.clearMarks}>
          <IconX size={17} />
        </Tool>
      )}
      <Tool label={t("playback.bookmark")} keys="b" onClick={actions.openBookmark}>
        <IconBookmark size={18} stroke={1.6} />
      </Tool>
      <Tool label={t("playback.motion")} keys="m" onClick={actions.openMotion}>
        <IconRun size={19} stroke={1.6} />
      </Tool>
      <Button
        size="sm"
        variant="default"
        leftSection={<IconDownload size={16} aria-hidden />}
        onClick={actions.openExport}
        aria-label={marked === null ? t("playback.export") : t("playback.exportN", { length: marked })}
      >
        {marked ?? t("playback.export")}
      </Button>
    </Group>
  );
});
