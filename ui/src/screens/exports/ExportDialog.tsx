import { Button, Checkbox, Group, Modal, Skeleton, Stack, Switch, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconMovie } from "@tabler/icons-react";
import { keepPreviousData, useMutation, useQueries } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { type ClipEstimate, estimateQuery } from "@/api/keeping";
import { useClock } from "@/app/site";
import { faultText } from "@/parts/names";
import { tellFailure } from "@/parts/notices";
import { RangeFields } from "@/parts/RangeFields";
import { byteSize, clockDuration } from "@/time/duration";
import { startExport } from "./jobs";
import "../keeping.css";

export interface ExportDialogProps {
  cameras: { id: string; name: string }[];
  startMs: number;
  endMs: number;
  onClose: () => void;
}

const MAX_MS = 24 * 3_600_000;
const NAME_LENGTH = 80;

/** Cuts the same stretch out of one or more cameras. The sizes are exact: they are counted from the index. */
export function ExportDialog({ cameras, startMs, endMs, onClose }: ExportDialogProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const [range, setRange] = useState({ start_ms: Math.round(startMs), end_ms: Math.round(endMs) });
  const [chosen, setChosen] = useState<string[]>(() => cameras.map((camera) => camera.id));
  const [name, setName] = useState("");
  const [burnIn, setBurnIn] = useState(false);
  const [sound, setSound] = useState(true);
  const length = range.end_ms - range.start_ms;
  const fault = length <= 0 ? t("exports.order") : length > MAX_MS ? t("exports.tooLong") : null;
  const answers = useQueries({
    queries: cameras.map((camera) => ({
      ...estimateQuery(camera.id, range.start_ms, range.end_ms),
      enabled: fault === null,
      placeholderData: keepPreviousData,
      retry: false,
    })),
  });
  const rows = cameras.map((camera, index) => ({ camera, answer: answers[index]! }));
  const wanted = rows.filter(({ camera, answer }) => chosen.includes(camera.id) && !answer.isError);
  const known = wanted.map(({ answer }) => answer.data).filter((data) => data !== undefined);
  const some = known.some((data) => data.sound_bytes > 0);
  const bytes = known.reduce((sum, data) => sum + bytesOf(data, sound), 0);
  const start = useMutation({
    mutationFn: () =>
      Promise.all(
        wanted.map(({ camera }) =>
          startExport({
            camera: camera.id,
            ...range,
            ...(burnIn ? { burn_in: true } : {}),
            sound,
            ...(name.trim() === "" ? {} : { name: name.trim() }),
          }),
        ),
      ),
    onSuccess: onClose,
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    start.mutate();
  };

  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={
        cameras.length === 1
          ? t("exports.dialogOne", { name: cameras[0]!.name })
          : t("exports.dialogMany", { count: cameras.length })
      }
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <form onSubmit={submit} className="hc-export">
        <Stack gap="md">
          <div>
            <RangeFields
              {...range}
              change={(start_ms, end_ms) => setRange({ start_ms, end_ms })}
              error={fault}
              focused
            />
            <p className="hc-dim hc-small hc-num">
              {clock.badge(range.start_ms)} ·{" "}
              {t("exports.asked", { length: clockDuration(Math.max(0, length)) })}
            </p>
          </div>
          <fieldset className="hc-estimates">
            <legend>{t("exports.what")}</legend>
            {rows.map(({ camera, answer }) => (
              <div key={camera.id} data-off={!chosen.includes(camera.id) || answer.isError || undefined}>
                {cameras.length > 1 ? (
                  <Checkbox
                    label={camera.name}
                    checked={chosen.includes(camera.id) && !answer.isError}
                    disabled={answer.isError}
                    onChange={(event) =>
                      setChosen(
                        event.currentTarget.checked
                          ? [...chosen, camera.id]
                          : chosen.filter((id) => id !== camera.id),
                      )
                    }
                  />
                ) : (
                  <span>{camera.name}</span>
                )}
                <Estimate
                  data={fault === null ? answer.data : undefined}
                  error={answer.error}
                  sound={sound}
                />
              </div>
            ))}
          </fieldset>
          <TextInput
            label={t("exports.name")}
            description={t("exports.nameHint")}
            value={name}
            maxLength={NAME_LENGTH}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Switch
            label={t("exports.burnIn")}
            description={t("exports.burnInHint")}
            checked={burnIn}
            onChange={(event) => setBurnIn(event.currentTarget.checked)}
          />
          {some && (
            <Switch
              label={t("exports.sound")}
              description={t("exports.soundHint")}
              checked={sound}
              onChange={(event) => setSound(event.currentTarget.checked)}
            />
          )}
          <p className="hc-dim hc-small">{burnIn ? t("exports.coded") : t("exports.exact")}</p>
          <Group justify="end" className="hc-dialog-foot">
            <Button variant="default" onClick={onClose}>
              {t("app.cancel")}
            </Button>
            <Button
              type="submit"
              leftSection={<IconMovie size={17} aria-hidden />}
              loading={start.isPending}
              disabled={fault !== null || known.length === 0 || known.length < wanted.length}
            >
              {known.length > 0 && !burnIn
                ? t("exports.startSize", { count: wanted.length, size: byteSize(bytes, i18n.language) })
                : t("exports.start", { count: Math.max(1, wanted.length) })}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

const bytesOf = (data: ClipEstimate, sound: boolean): number => data.bytes + (sound ? data.sound_bytes : 0);

interface EstimateProps {
  data: ClipEstimate | undefined;
  error: Error | null;
  sound: boolean;
}

/** Size, length, pictures; or why there is nothing. */
function Estimate({ data, error, sound }: EstimateProps) {
  const { t, i18n } = useTranslation();
  if (error !== null) {
    const text = error instanceof ApiError ? faultText(error.code, error.message) : error.message;
    return (
      <span className="hc-estimate hc-bad-text" role="alert">
        <IconAlertTriangle size={15} aria-hidden /> {text}
      </span>
    );
  }
  if (data === undefined) return <Skeleton width={150} height={16} aria-busy="true" />;
  return (
    <span className="hc-estimate hc-num" data-units={data.units} data-bytes={bytesOf(data, sound)}>
      <span>{clockDuration(data.duration_ms)}</span>
      <span>{byteSize(bytesOf(data, sound), i18n.language)}</span>
      <span className="hc-dim">{t("exports.pictures", { count: data.units })}</span>
    </span>
  );
}
