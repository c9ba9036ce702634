import { Button, FileButton, Group, Switch, TextInput } from "@mantine/core";
import { IconFileUpload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import { FilmRows } from "@/films/FilmRows";
import { unfinished } from "@/films/sending";
import { type Film, type FilmDraft, filmsQuery } from "@/films/types";
import { remembered, send } from "@/films/uploads";
import { tellFailure } from "@/parts/notices";

const TYPES = "video/*,.mp4,.mov,.m4v,.mkv,.webm,.avi,.ts,.m2ts,.mts";

/** Films from this machine: dropped or chosen, one or many; each is a camera of its own with a past. */
export function NewFilm() {
  const { t } = useTranslation();
  const films = useQuery(filmsQuery);
  const [over, setOver] = useState(false);
  const [sound, setSound] = useState(false);
  const [filmed, setFilmed] = useState("");
  const take = async (files: readonly File[]): Promise<void> => {
    for (const file of files) {
      try {
        const known = unfinished(films.data ?? [], file, remembered());
        const film = known ?? (await begin(file, sound, filmed));
        await queryClient.invalidateQueries({ queryKey: filmsQuery.queryKey });
        await send(film, file);
      } catch (error) {
        tellFailure(error);
      }
    }
  };
  return (
    <>
      <div className="hc-panel">
        <div
          role="group"
          aria-label={t("films.drop")}
          className="hc-drop"
          data-over={over || undefined}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            void take([...event.dataTransfer.files]);
          }}
        >
          <IconFileUpload size={30} stroke={1.4} aria-hidden />
          <strong>{t("films.drop")}</strong>
          <p>{t("films.formats")}</p>
          <FileButton accept={TYPES} multiple onChange={(files) => void take(files)}>
            {(props) => <Button {...props}>{t("films.choose")}</Button>}
          </FileButton>
        </div>
        <Group mt="md" gap="lg" align="start" grow preventGrowOverflow={false}>
          <Switch
            checked={sound}
            onChange={(event) => setSound(event.currentTarget.checked)}
            label={t("films.sound")}
            description={t("films.soundHint")}
          />
          <TextInput
            type="datetime-local"
            label={t("films.filmed")}
            description={t("films.filmedHint")}
            value={filmed}
            step={1}
            onChange={(event) => setFilmed(event.currentTarget.value)}
          />
        </Group>
      </div>
      <FilmRows />
    </>
  );
}

const titleOf = (file: File): string =>
  file.name
    .replace(/\.[^.]{1,5}$/, "")
    .replaceAll(/[_\s]+/g, " ")
    .trim()
    .slice(0, 80) || "Film";

async function begin(file: File, sound: boolean, filmed: string): Promise<Film> {
  const at = filmed === "" ? Number.NaN : new Date(filmed).getTime();
  const draft: FilmDraft = {
    name: titleOf(file),
    size_bytes: file.size,
    sound,
    ...(Number.isFinite(at) && at > 0 ? { filmed_ms: at } : {}),
  };
  return await request<Film>("POST", "/api/films", draft);
}
