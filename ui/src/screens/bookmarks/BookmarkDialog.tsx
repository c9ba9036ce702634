import { Button, Group, Modal, NativeSelect, Stack, Switch, Textarea } from "@mantine/core";
import { IconBookmark } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { tellDone, tellFailure } from "@/parts/notices";
import { RangeFields } from "@/parts/RangeFields";
import { addBookmark } from "./marks";
import "../keeping.css";

export interface BookmarkDialogProps {
  /** The first is chosen; with several the reader may choose another. */
  cameras: { id: string; name: string }[];
  startMs: number;
  endMs: number;
  onClose: () => void;
}

const NOTE_LENGTH = 500;
const LONGEST_MS = 24 * 3_600_000;

/** A note on a stretch of footage; kept from deletion where the reader says so. */
export function BookmarkDialog({ cameras, startMs, endMs, onClose }: BookmarkDialogProps) {
  const { t } = useTranslation();
  const [camera, setCamera] = useState(cameras[0]?.id ?? "");
  const [range, setRange] = useState({ start_ms: Math.round(startMs), end_ms: Math.round(endMs) });
  const [note, setNote] = useState("");
  const [keep, setKeep] = useState(false);
  const length = range.end_ms - range.start_ms;
  const fault = length < 0 ? t("exports.order") : length > LONGEST_MS ? t("bookmarks.tooLong") : null;
  const save = useMutation({
    mutationFn: () => {
      const { start_ms, end_ms } = range;
      // Without a length it is a moment.
      return addBookmark({
        camera,
        start_ms,
        ...(end_ms > start_ms ? { end_ms } : {}),
        note: note.trim(),
        keep,
      });
    },
    onSuccess: () => {
      tellDone(keep ? t("bookmarks.savedKept") : t("bookmarks.saved"));
      onClose();
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    save.mutate();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("bookmarks.new")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <form onSubmit={submit}>
        <Stack gap="md">
          {cameras.length > 1 && (
            <NativeSelect
              label={t("events.camera")}
              value={camera}
              onChange={(event) => setCamera(event.currentTarget.value)}
              data={cameras.map((row) => ({ value: row.id, label: row.name }))}
            />
          )}
          <Textarea
            label={t("bookmarks.note")}
            value={note}
            maxLength={NOTE_LENGTH}
            autosize
            minRows={2}
            onChange={(event) => setNote(event.currentTarget.value)}
            data-autofocus
          />
          <RangeFields
            {...range}
            change={(start_ms, end_ms) => setRange({ start_ms, end_ms })}
            error={fault}
          />
          <Switch
            label={t("bookmarks.keep")}
            description={t("bookmarks.keepHint")}
            checked={keep}
            onChange={(event) => setKeep(event.currentTarget.checked)}
          />
          <Group justify="end" className="hc-dialog-foot">
            <Button variant="default" onClick={onClose}>
              {t("app.cancel")}
            </Button>
            <Button
              type="submit"
              leftSection={<IconBookmark size={17} aria-hidden />}
              loading={save.isPending}
              disabled={fault !== null || camera === ""}
            >
              {t("bookmarks.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
