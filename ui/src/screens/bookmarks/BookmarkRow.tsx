import { ActionIcon, Button, Switch, Textarea, Tooltip } from "@mantine/core";
import { IconCheck, IconHistory, IconPencil, IconTrash, IconX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Bookmark } from "@/api/keeping";
import { useClock } from "@/app/site";
import { deleteLater } from "@/parts/later";
import { LinkButton } from "@/parts/links";
import { tellFailure } from "@/parts/notices";
import { Thumb } from "@/parts/Thumb";
import { clockDuration } from "@/time/duration";
import { bookmarkPath, changeBookmark, renewBookmarks } from "./marks";

export function BookmarkRow({ bookmark, camera }: { bookmark: Bookmark; camera: string }) {
  const { t } = useTranslation();
  const clock = useClock();
  const [editing, setEditing] = useState(false);
  const change = useMutation({
    mutationFn: (edit: Partial<Pick<Bookmark, "note" | "keep">>) => changeBookmark(bookmark, edit),
    onSuccess: () => setEditing(false),
    onError: tellFailure,
  });
  const title = bookmark.note || clock.dateTime(bookmark.start_ms);
  const length = (bookmark.end_ms ?? bookmark.start_ms) - bookmark.start_ms;
  const place = { camera: bookmark.camera, t: bookmark.start_ms };
  const remove = (): void =>
    deleteLater(bookmark.id, bookmarkPath(bookmark), t("bookmarks.deleted", { name: title }), renewBookmarks);
  return (
    <li className="hc-mark" data-bookmark={bookmark.id}>
      <Link to="/playback" search={place} className="hc-mark-picture" tabIndex={-1} aria-hidden>
        <Thumb src={`/api/cameras/${bookmark.camera}/preview.jpg?at_ms=${bookmark.start_ms}&width=240`} />
      </Link>
      <div className="hc-mark-what">
        {editing ? (
          <NoteEditor
            note={bookmark.note}
            busy={change.isPending}
            save={(note) => change.mutate({ note })}
            close={() => setEditing(false)}
          />
        ) : (
          <p className="hc-mark-note" data-empty={bookmark.note === "" || undefined}>
            {bookmark.note || t("bookmarks.noNote")}
          </p>
        )}
        <span className="hc-job-facts hc-dim hc-num">
          <span>{camera}</span>
          <span>{clock.dateTime(bookmark.start_ms)}</span>
          {length > 0 && <span>{clockDuration(length)}</span>}
          <span>{t("bookmarks.by", { name: bookmark.by })}</span>
        </span>
        <Switch
          size="sm"
          label={t("bookmarks.kept")}
          aria-label={t("bookmarks.keepOf", { name: title })}
          checked={(change.isPending ? change.variables.keep : undefined) ?? bookmark.keep}
          onChange={(event) => change.mutate({ keep: event.currentTarget.checked })}
        />
      </div>
      <div className="hc-job-actions">
        <LinkButton
          to="/playback"
          search={place}
          size="compact-md"
          variant="light"
          leftSection={<IconHistory size={16} aria-hidden />}
          aria-label={t("bookmarks.showOf", { name: title })}
        >
          {t("bookmarks.show")}
        </LinkButton>
        <Tooltip label={t("bookmarks.edit")}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={() => setEditing(true)}
            aria-label={t("bookmarks.editOf", { name: title })}
          >
            <IconPencil size={17} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t("app.delete")}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={remove}
            aria-label={t("bookmarks.deleteOf", { name: title })}
          >
            <IconTrash size={17} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
      </div>
    </li>
  );
}

interface NoteEditorProps {
  note: string;
  busy: boolean;
  save: (note: string) => void;
  close: () => void;
}

function NoteEditor({ note, busy, save, close }: NoteEditorProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(note);
  return (
    <div className="hc-note-editor">
      <Textarea
        aria-label={t("bookmarks.note")}
        value={text}
        autosize
        minRows={1}
        maxLength={500}
        autoFocus
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            save(text.trim());
          }
          if (event.key === "Escape") {
            event.stopPropagation();
            close();
          }
        }}
      />
      <Button
        size="compact-md"
        loading={busy}
        onClick={() => save(text.trim())}
        leftSection={<IconCheck size={16} aria-hidden />}
      >
        {t("app.save")}
      </Button>
      <ActionIcon variant="subtle" color="gray" size="lg" onClick={close} aria-label={t("app.cancel")}>
        <IconX size={17} />
      </ActionIcon>
    </div>
  );
}
