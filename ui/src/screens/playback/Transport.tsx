import { ActionIcon, Button, Group, NativeSelect, Tooltip } from "@mantine/core";
import {
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
  IconX,
} from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useClock } from "@/app/site";
import { clockDuration } from "@/time/duration";

interface TransportProps {
  live: boolean;
  playing: boolean;
  rate: number;
  at: number;
  marks: { from: number | null; to: number | null };
  toggle: () => void;
  step: (frames: number) => void;
  jump: (direction: 1 | -1) => void;
  skip: (ms: number) => void;
  setRate: (rate: number) => void;
  goLive: () => void;
  zoomBy: (factor: number) => void;
  mark: (which: "from" | "to") => void;
  clearMarks: () => void;
  openExport: () => void;
}

function Tool({
  label,
  keys,
  onClick,
  disabled = false,
  children,
}: {
  label: string;
  keys: string;
  onClick: () => void;
  disabled?: boolean;
  children: ReactNode;
}) {
  return (
    <Tooltip label={`${label} (${keys})`}>
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

const RATES = ["0.25", "0.5", "1", "2", "4", "8", "16"];

export function Transport(props: TransportProps) {
  const { live, playing, rate, at, marks } = props;
  const { t } = useTranslation();
  const clock = useClock();
  const marked = marks.from !== null && marks.to !== null ? clockDuration(marks.to - marks.from) : null;
  return (
    <div className="hc-transport">
      <div className="hc-transport-time">
        <strong className="hc-num">{clock.time(at)}</strong>
        <span className="hc-dim">{clock.date(at)}</span>
      </div>
      <Group gap={2} wrap="nowrap" className="hc-transport-main">
        <Tool label={t("playback.previousEvent")} keys="⇧←" onClick={() => props.jump(-1)}>
          <IconPlayerSkipBackFilled size={17} />
        </Tool>
        <Tool label={t("playback.back10")} keys="←" onClick={() => props.skip(-10_000)}>
          <IconRewindBackward10 size={20} stroke={1.6} />
        </Tool>
        <Tool label={t("playback.frameBack")} keys="," onClick={() => props.step(-1)} disabled={live}>
          <IconPlayerTrackPrevFilled size={15} />
        </Tool>
        <Tooltip label={`${playing ? t("playback.pause") : t("playback.play")} (space)`}>
          <ActionIcon
            variant="filled"
            size={44}
            radius="50%"
            onClick={props.toggle}
            aria-label={playing ? t("playback.pause") : t("playback.play")}
          >
            {playing || live ? <IconPlayerPauseFilled size={20} /> : <IconPlayerPlayFilled size={20} />}
          </ActionIcon>
        </Tooltip>
        <Tool label={t("playback.frameOn")} keys="." onClick={() => props.step(1)} disabled={live}>
          <IconPlayerTrackNextFilled size={15} />
        </Tool>
        <Tool label={t("playback.on10")} keys="→" onClick={() => props.skip(10_000)} disabled={live}>
          <IconRewindForward10 size={20} stroke={1.6} />
        </Tool>
        <Tool label={t("playback.nextEvent")} keys="⇧→" onClick={() => props.jump(1)} disabled={live}>
          <IconPlayerSkipForwardFilled size={17} />
        </Tool>
      </Group>
      <button
        type="button"
        className="hc-live-pill"
        data-live={live}
        onClick={props.goLive}
        aria-pressed={live}
      >
        <i aria-hidden /> {t("playback.live")}
      </button>
      <Group gap={6} wrap="nowrap" className="hc-transport-side">
        <NativeSelect
          size="xs"
          aria-label={t("playback.speed")}
          value={String(Math.abs(rate))}
          disabled={live}
          onChange={(event) => props.setRate(Number(event.currentTarget.value))}
          data={RATES.map((value) => ({ value, label: `${rate < 0 ? "−" : ""}${value}×` }))}
        />
        <Tool label={t("playback.zoomOut")} keys="−" onClick={() => props.zoomBy(2)}>
          <IconMinus size={17} />
        </Tool>
        <Tool label={t("playback.zoomIn")} keys="+" onClick={() => props.zoomBy(0.5)}>
          <IconPlus size={17} />
        </Tool>
        <Tool label={t("playback.markIn")} keys="i" onClick={() => props.mark("from")}>
          <IconBracketsContainStart size={19} stroke={1.6} />
        </Tool>
        <Tool label={t("playback.markOut")} keys="o" onClick={() => props.mark("to")}>
          <IconBracketsContainEnd size={19} stroke={1.6} />
        </Tool>
        {(marks.from !== null || marks.to !== null) && (
          <Tool label={t("playback.clearMarks")} keys={t("playback.marks")} onClick={props.clearMarks}>
            <IconX size={17} />
          </Tool>
        )}
        <Button
          size="sm"
          variant="default"
          leftSection={<IconDownload size={16} />}
          onClick={props.openExport}
        >
          {marked === null ? t("playback.export") : t("playback.exportN", { length: marked })}
        </Button>
      </Group>
    </div>
  );
}
