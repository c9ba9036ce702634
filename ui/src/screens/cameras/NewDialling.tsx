import { Button, Group, Loader, Stack, Switch, TextInput } from "@mantine/core";
import { IconCircleCheckFilled, IconKey } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { type DialToken, newToken, REVERSE } from "@/api/dialling";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, CameraDraft } from "@/api/types";
import { LinkButton } from "@/parts/links";
import { tellFailure } from "@/parts/notices";
import { DialCommand } from "./DialCommand";

/** A camera that dials out to us: a name, then its token, then the wait until it is there. */
export function NewDialling({ begun }: { begun: (yes: boolean) => void }) {
  const { t } = useTranslation();
  const [added, setAdded] = useState<Camera | null>(null);
  const [name, setName] = useState("");
  const [audio, setAudio] = useState(false);
  const [made, setMade] = useState<DialToken | null>(null);
  const create = useMutation({
    mutationFn: async () => {
      const draft: CameraDraft = { name: name.trim(), url: REVERSE, transport: "auto", enabled: true, audio };
      const camera = added ?? (await request<Camera>("POST", "/api/cameras", draft));
      setAdded(camera);
      begun(true);
      setMade(await newToken(camera.id));
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
        <h2>{t("dial.ready", { name: added.name })}</h2>
        <DialCommand camera={added.id} made={made} />
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
            leftSection={<IconKey size={16} />}
            loading={create.isPending}
            disabled={name.trim() === ""}
          >
            {t("dial.create")}
          </Button>
        </Group>
      </Stack>
    </form>
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
      <p>{live ? t("dial.arrived") : t("dial.waits")}</p>
      {live ? (
        <LinkButton to="/live/$cameraId" params={{ cameraId: id }}>
          {t("dial.watch")}
        </LinkButton>
      ) : (
        <LinkButton to="/cameras" variant="default">
          {t("dial.toList")}
        </LinkButton>
      )}
    </div>
  );
}
