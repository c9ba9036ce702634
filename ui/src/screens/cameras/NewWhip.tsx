import { Alert, Button, Group, Loader, Stack, Switch, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheckFilled, IconDeviceMobile, IconKey } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { newPublishToken, PUBLISHED, type PublishToken, publishPage, whipUrl } from "@/api/publishing";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, CameraDraft } from "@/api/types";
import { LinkButton } from "@/parts/links";
import { tellFailure } from "@/parts/notices";
import { Copied } from "./DialCommand";

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** A camera that a phone, a browser or an encoder publishes: a name, then its link, then the wait until it is there. */
export function NewWhip({ begun }: { begun?: (begun: boolean) => void }) {
  const { t } = useTranslation();
  const [added, setAdded] = useState<Camera | null>(null);
  const [name, setName] = useState("");
  const [audio, setAudio] = useState(false);
  const [made, setMade] = useState<PublishToken | null>(null);
  const create = useMutation({
    mutationFn: async () => {
      const draft: CameraDraft = {
        name: name.trim(),
        url: PUBLISHED,
        transport: "auto",
        enabled: true,
        audio,
      };
      const camera = added ?? (await request<Camera>("POST", "/api/cameras", draft));
      setAdded(camera);
      setMade(await newPublishToken(camera.id));
      begun?.(true);
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
        <h2>{t("publish.ready", { name: added.name })}</h2>
        <PublishLinks camera={added.id} made={made} />
        <Arrival id={added.id} />
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
            leftSection={<IconDeviceMobile size={16} aria-hidden />}
            loading={create.isPending}
            disabled={name.trim() === ""}
          >
            {t("publish.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** A token that was just made, as a link for a phone and as what an encoder wants to be told. */
export function PublishLinks({ camera, made }: { camera: string; made: PublishToken }) {
  const { t } = useTranslation();
  return (
    <Stack gap="md" className="hc-dial">
      <Alert color="orange" variant="light" icon={<IconKey size={18} />} title={t("publish.once")} />
      {!made.publish.listening && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={t("publish.closed")}>
          {t("publish.closedHint")}
        </Alert>
      )}
      {LOOPBACK.has(location.hostname) && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          {t("publish.local")}
        </Alert>
      )}
      {!window.isSecureContext && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          {t("publish.advice.insecure")}
        </Alert>
      )}
      <Copied
        label={t("publish.link")}
        hint={t("publish.linkHint")}
        text={publishPage(location.origin, camera, made.token)}
      />
      <Copied
        label={t("publish.url")}
        hint={t("publish.urlHint", { port: made.publish.port ?? 8555 })}
        text={whipUrl(location.origin, camera)}
      />
      <Copied label={t("publish.token")} text={made.token} />
    </Stack>
  );
}

function Arrival({ id }: { id: string }) {
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
      <p>{live ? t("dial.arrived") : t("publish.waits")}</p>
      {live ? (
        <LinkButton to="/live/$cameraId" params={{ cameraId: id }}>
          {t("dial.watch")}
        </LinkButton>
      ) : (
        <LinkButton to="/publish/$cameraId" params={{ cameraId: id }} variant="default">
          {t("publish.here")}
        </LinkButton>
      )}
    </div>
  );
}
