import { Alert, Button, Group, Stack, Switch, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconBroadcast, IconMovie, IconWorldSearch } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, request } from "@/api/client";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, CameraDraft } from "@/api/types";
import { FilmRows } from "@/films/FilmRows";
import { type Film, type FilmDraft, filmsQuery, SITE, type SitePage } from "@/films/types";
import { faultAdvice, faultText } from "@/parts/names";
import { tellDone, tellFailure } from "@/parts/notices";
import { clockDuration } from "@/time/duration";

/** A page of a web site: a live picture becomes a camera, a video becomes a film. */
export function NewSite({ first }: { first: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [url, setUrl] = useState(first);
  const [name, setName] = useState("");
  const [sound, setSound] = useState(false);
  const look = useMutation({
    mutationFn: (page: string) => request<SitePage>("POST", "/api/films/look", { url: page }),
    onSuccess: (page) => setName(page.title.slice(0, 80)),
  });
  const add = useMutation({
    mutationFn: async (page: SitePage) => {
      if (page.live) {
        const draft: CameraDraft = {
          name: name.trim(),
          url: SITE + url.trim(),
          transport: "auto",
          enabled: true,
          audio: sound,
        };
        return await request<Camera>("POST", "/api/cameras", draft);
      }
      const draft: FilmDraft = { name: name.trim(), url: url.trim(), sound };
      await request<Film>("POST", "/api/films", draft);
      return null;
    },
    onSuccess: async (camera) => {
      if (camera === null) {
        setUrl("");
        look.reset();
        await queryClient.invalidateQueries({ queryKey: filmsQuery.queryKey });
        return;
      }
      await queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
      tellDone(t("cameras.added", { name: camera.name }));
      await navigate({ to: "/live/$cameraId", params: { cameraId: camera.id } });
    },
    onError: tellFailure,
  });
  const page = look.data;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (page === undefined) look.mutate(url.trim());
    else if (name.trim() !== "") add.mutate(page);
  };
  return (
    <>
      <form className="hc-panel" onSubmit={submit}>
        <Stack gap="md">
          <TextInput
            label={t("site.url")}
            description={t("site.urlHint")}
            placeholder="https://www.youtube.com/watch?v=…"
            value={url}
            onChange={(event) => {
              setUrl(event.currentTarget.value);
              look.reset();
            }}
            autoComplete="off"
            spellCheck={false}
            inputMode="url"
            required
            classNames={{ input: "hc-mono" }}
          />
          {look.isError && <Refused error={look.error} />}
          {page !== undefined && (
            <>
              <Alert
                variant="light"
                color={page.live ? "teal" : "blue"}
                icon={page.live ? <IconBroadcast size={18} /> : <IconMovie size={18} />}
                title={page.live ? t("site.live") : t("site.film")}
              >
                {page.live
                  ? t("site.liveHint")
                  : page.duration_s > 0
                    ? t("site.filmHint", { length: clockDuration(page.duration_s * 1_000) })
                    : t("site.filmHintShort")}
              </Alert>
              <TextInput
                label={t("cameras.name")}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                maxLength={80}
                required
              />
              <Switch
                checked={sound}
                onChange={(event) => setSound(event.currentTarget.checked)}
                label={t("films.sound")}
                description={t("films.soundHint")}
              />
            </>
          )}
          <p className="hc-dim hc-small">{t("site.terms")}</p>
          <Group justify="end">
            {page === undefined ? (
              <Button
                type="submit"
                leftSection={<IconWorldSearch size={16} />}
                loading={look.isPending}
                disabled={url.trim() === ""}
              >
                {t("site.look")}
              </Button>
            ) : (
              <Button type="submit" loading={add.isPending} disabled={name.trim() === ""}>
                {page.live ? t("cameras.save") : t("films.take")}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
      <FilmRows />
    </>
  );
}

function Refused({ error }: { error: unknown }) {
  const fault =
    error instanceof ApiError ? error : new ApiError(0, "server-unreachable", String(error), null);
  return (
    <Alert
      color="red"
      variant="light"
      role="alert"
      icon={<IconAlertTriangle size={18} />}
      title={faultText(fault.code, fault.message)}
    >
      {faultAdvice(fault.code)}
      <div className="hc-dim hc-small">
        <code>{fault.code}</code> {fault.message}
      </div>
    </Alert>
  );
}
