import { Alert, Button, Group, Loader, Stack, Switch, TextInput } from "@mantine/core";
import { IconCircleCheckFilled, IconKey, IconShieldExclamation } from "@tabler/icons-react";
import { type QueryKey, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, CameraDraft } from "@/api/types";
import { Ask } from "@/parts/Ask";
import { LinkButton } from "@/parts/links";
import { tellFailure } from "@/parts/notices";

interface StepsProps<M> {
  /** What such a camera has as its address. */
  url: string;
  issue: (camera: string) => Promise<M>;
  create: string;
  icon: ReactNode;
  ready: (name: string) => string;
  show: (camera: string, made: M) => ReactNode;
  /** While it is not there yet. */
  waits: string;
  meanwhile: (camera: string) => ReactNode;
  begun?: ((begun: boolean) => void) | undefined;
}

/** A camera that comes to us with a token: a name, then its token, then the wait until it is there. */
export function TokenSteps<M>(props: StepsProps<M>) {
  const { t } = useTranslation();
  const [added, setAdded] = useState<Camera | null>(null);
  const [name, setName] = useState("");
  const [audio, setAudio] = useState(false);
  const [made, setMade] = useState<M | null>(null);
  const create = useMutation({
    mutationFn: async () => {
      const draft: CameraDraft = {
        name: name.trim(),
        url: props.url,
        transport: "auto",
        enabled: true,
        audio,
      };
      const camera = added ?? (await request<Camera>("POST", "/api/cameras", draft));
      setAdded(camera);
      props.begun?.(true);
      setMade(await props.issue(camera.id));
      await queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== "") create.mutate();
  };
  if (added !== null && made !== null) {
    return (
      <div className="hc-panel">
        <h2>{props.ready(added.name)}</h2>
        {props.show(added.id, made)}
        <Arrival id={added.id} waits={props.waits} meanwhile={props.meanwhile(added.id)} />
      </div>
    );
  }
  return (
    <form className="hc-panel" onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label={t("cameras.name")}
          description={t("cameras.nameHint")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={80}
          required
          disabled={added !== null}
        />
        <Switch
          checked={audio}
          onChange={(event) => setAudio(event.currentTarget.checked)}
          label={t("cameras.audio")}
          description={t("cameras.audioHint")}
          disabled={added !== null}
        />
        <Group justify="end">
          <Button
            type="submit"
            leftSection={props.icon}
            loading={create.isPending}
            disabled={name.trim() === ""}
          >
            {props.create}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Arrival({ id, waits, meanwhile }: { id: string; waits: string; meanwhile: ReactNode }) {
  const { t } = useTranslation();
  const camera = useQuery(camerasQuery).data?.find((row) => row.id === id);
  const live = camera?.status.state === "live";
  return (
    <div className="hc-arrival" role="status">
      {live ? (
        <IconCircleCheckFilled size={22} className="hc-good-text" aria-hidden />
      ) : (
        <Loader size={20} aria-hidden />
      )}
      <p>{live ? t("dial.arrived") : waits}</p>
      {live ? (
        <LinkButton to="/live/$cameraId" params={{ cameraId: id }}>
          {t("dial.watch")}
        </LinkButton>
      ) : (
        meanwhile
      )}
    </div>
  );
}

interface TokenOfProps<M> {
  camera: Camera;
  label: string;
  /** Above all: that nobody can come now. */
  warning: ReactNode;
  /** Who is there, since when. */
  standing: ReactNode;
  buttons?: ReactNode;
  issued: boolean;
  create: string;
  freshHint: string;
  /** That others were sent away; empty: none were. */
  rivals: string;
  issue: (camera: string) => Promise<M>;
  queryKey: QueryKey;
  show: (made: M) => ReactNode;
}

/** In the place of the address of a camera that comes to us: who it is, and its token, which can be replaced. */
export function TokenOf<M>(props: TokenOfProps<M> & { children?: (made: M | null) => ReactNode }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const [made, setMade] = useState<M | null>(null);
  const fresh = useMutation({
    mutationFn: () => props.issue(props.camera.id),
    onSuccess: async (answer) => {
      setMade(answer);
      setAsking(false);
      await queryClient.invalidateQueries({ queryKey: props.queryKey });
    },
    onError: tellFailure,
  });
  return (
    <section aria-label={props.label}>
      <div className="hc-label">{props.label}</div>
      <Stack gap="sm">
        {props.warning}
        <Group justify="space-between" gap="sm" align="start">
          <div className="hc-text">
            {props.standing}
            {props.children?.(made)}
          </div>
          <Group gap="xs">
            {props.buttons}
            <Button
              variant="default"
              leftSection={<IconKey size={16} aria-hidden />}
              onClick={() => (props.issued ? setAsking(true) : fresh.mutate())}
              loading={fresh.isPending}
            >
              {props.issued ? t("dial.fresh") : props.create}
            </Button>
          </Group>
        </Group>
        {props.rivals !== "" && (
          <Alert color="red" variant="light" icon={<IconShieldExclamation size={18} />}>
            {props.rivals}
          </Alert>
        )}
        {made !== null && props.show(made)}
      </Stack>
      {asking && (
        <Ask
          title={t("dial.freshTitle", { name: props.camera.name })}
          hint={props.freshHint}
          yes={t("dial.replace")}
          isPending={fresh.isPending}
          answer={() => fresh.mutate()}
          close={() => setAsking(false)}
        />
      )}
    </section>
  );
}
