import { ActionIcon, Button, FileButton, Group, Modal, Progress, Stack, Tooltip } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconClockHour4,
  IconFileUpload,
  IconHistory,
  IconLoader2,
  IconTrash,
  IconX,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, queryClient } from "@/api/queries";
import { useClock } from "@/app/site";
import { LinkButton } from "@/parts/links";
import { faultAdvice, faultText } from "@/parts/names";
import { tellFailure } from "@/parts/notices";
import { Failure } from "@/parts/states";
import { byteSize, clockDuration } from "@/time/duration";
import { type Film, filmsQuery, isActive } from "./types";
import { remove, type Sending, send, useSending } from "./uploads";

const ICONS = {
  uploading: IconFileUpload,
  fetching: IconLoader2,
  waiting: IconClockHour4,
  importing: IconLoader2,
  done: IconCircleCheck,
  failed: IconAlertTriangle,
} as const;

/** All films: how far each is, and what can be done with it. */
export function FilmRows() {
  const { t } = useTranslation();
  const films = useQuery({
    ...filmsQuery,
    refetchInterval: (query) => (query.state.data?.some(isActive) ? 1_000 : 15_000),
  });
  const sending = useSending();
  const [doomed, setDoomed] = useState<Film | null>(null);
  const done = films.data?.filter((film) => film.state === "done").length ?? 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a film that is done is a camera more
  useEffect(() => {
    void queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
  }, [done]);
  if (films.isError && films.data === undefined) {
    return <Failure error={films.error} retry={() => void films.refetch()} />;
  }
  if (films.data === undefined || films.data.length === 0) return null;
  return (
    <section className="hc-films" aria-label={t("films.title")}>
      <h2>{t("films.title")}</h2>
      <ul>
        {films.data.map((film) => (
          <Row
            key={film.id}
            film={film}
            sending={sending[film.id]}
            drop={() => (film.state === "done" ? setDoomed(film) : drop(film))}
          />
        ))}
      </ul>
      <Modal
        opened={doomed !== null}
        onClose={() => setDoomed(null)}
        title={t("films.remove", { name: doomed?.name ?? "" })}
        closeButtonProps={{ "aria-label": t("app.close") }}
      >
        <Stack>
          <p className="hc-text">{t("films.removeHint")}</p>
          <Group justify="end">
            <Button variant="default" onClick={() => setDoomed(null)}>
              {t("app.cancel")}
            </Button>
            <Button
              color="red"
              onClick={() => {
                if (doomed !== null) drop(doomed);
                setDoomed(null);
              }}
            >
              {t("films.removeNow")}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </section>
  );
}

const drop = (film: Film): void => void remove(film.id).catch(tellFailure);

interface RowProps {
  film: Film;
  sending: Sending | undefined;
  drop: () => void;
}

function Row({ film, sending, drop: dropIt }: RowProps) {
  const { t, i18n } = useTranslation();
  const clock = useClock();
  const Icon = ICONS[film.state];
  const facts = [
    film.start_ms === null ? null : clock.dateTime(film.start_ms),
    film.start_ms === null || film.end_ms === null ? null : clockDuration(film.end_ms - film.start_ms),
    film.size_bytes === 0 ? null : byteSize(film.size_bytes, i18n.language),
    film.damaged === 0 ? null : t("films.damaged", { count: film.damaged }),
  ].filter((fact) => fact !== null);
  return (
    <li className="hc-job" data-film={film.id} data-state={film.state}>
      <Icon size={20} stroke={1.7} className="hc-job-icon" aria-hidden />
      <div className="hc-job-what">
        <strong>{film.name}</strong>
        <span className="hc-job-facts hc-dim hc-num">
          {facts.map((fact) => (
            <span key={fact}>{fact}</span>
          ))}
        </span>
        <State film={film} sending={sending} />
      </div>
      <Actions film={film} isSending={sending !== undefined && sending.fault === null} drop={dropIt} />
    </li>
  );
}

function State({ film, sending }: { film: Film; sending: Sending | undefined }) {
  const { t } = useTranslation();
  const fault = sending?.fault ?? film.error;
  if (fault !== null) {
    return (
      <span className="hc-film-fault" role="alert">
        <strong>{faultText(fault.code, fault.message)}</strong>
        <span>{faultAdvice(fault.code)}</span>
        <small className="hc-dim">
          <code>{fault.code}</code> {fault.message}
        </small>
      </span>
    );
  }
  if (!isActive(film)) return null;
  if (film.state === "uploading" && sending === undefined) {
    return <span className="hc-dim hc-small">{t("films.paused")}</span>;
  }
  const share =
    film.state === "uploading" && sending !== undefined ? sending.sent / film.size_bytes : film.progress;
  const percent = film.state === "waiting" ? 0 : Math.floor(share * 100);
  return (
    <span className="hc-job-progress">
      <Progress
        value={percent}
        size="sm"
        animated={film.state !== "uploading"}
        aria-label={t("films.progressOf", { name: film.name })}
      />
      <span className="hc-num hc-dim hc-small">
        {t(`films.${film.state as "uploading"}`)}
        {film.state === "waiting" ? "" : ` ${percent} %`}
      </span>
    </span>
  );
}

/** All of it in the timeline, with some room around it. */
const spanOf = (film: Film): number | undefined =>
  film.start_ms === null || film.end_ms === null
    ? undefined
    : Math.max(60_000, Math.round((film.end_ms - film.start_ms) * 1.5));

interface ActionsProps {
  film: Film;
  isSending: boolean;
  drop: () => void;
}

function Actions({ film, isSending, drop: dropIt }: ActionsProps) {
  const { t } = useTranslation();
  const label = t(isActive(film) ? "films.cancel" : "films.remove", { name: film.name });
  return (
    <div className="hc-job-actions">
      {film.state === "done" && film.camera !== null && (
        <LinkButton
          to="/playback"
          search={{ camera: film.camera, t: film.start_ms ?? undefined, span: spanOf(film) }}
          size="compact-sm"
          variant="light"
          leftSection={<IconHistory size={15} />}
        >
          {t("films.watch")}
        </LinkButton>
      )}
      {film.state === "uploading" && !isSending && (
        <FileButton onChange={(file) => file !== null && void send(film, file)}>
          {(props) => (
            <Button {...props} size="compact-sm" variant="light">
              {t("films.goOn")}
            </Button>
          )}
        </FileButton>
      )}
      <Tooltip label={label}>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} onClick={dropIt}>
          {isActive(film) ? <IconX size={18} /> : <IconTrash size={18} />}
        </ActionIcon>
      </Tooltip>
    </div>
  );
}
