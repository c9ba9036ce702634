import { Alert, Button, Group, Modal, Stack, Switch, TextInput } from "@mantine/core";
import { IconKey } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import {
  addPushClient,
  type NewPushClient,
  pushClientsQuery,
  pushCommand,
  tokenFileCommand,
} from "@/api/pushClients";
import { tellFailure } from "@/parts/notices";
import { Copied } from "../cameras/DialCommand";

const DEFAULT_PORT = 8342;

/** A name first; then its token, which is shown here and never again. */
export function AddPushClient({ close, added }: { close: () => void; added: () => Promise<unknown> }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [camera, setCamera] = useState(true);
  const [made, setMade] = useState<NewPushClient | null>(null);
  const add = useMutation({
    mutationFn: () => addPushClient(name.trim(), camera),
    onSuccess: async (answer) => {
      setMade(answer);
      await added();
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Modal
      opened
      onClose={close}
      size={made === null ? "md" : "lg"}
      title={made === null ? t("push.addTitle") : made.client.name}
      closeOnClickOutside={made === null}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      {made === null ? (
        <form onSubmit={submit}>
          <Stack gap="md">
            <TextInput
              label={t("entry.name")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={80}
              autoComplete="off"
              required
              data-autofocus
            />
            <Switch
              label={t("push.asCamera")}
              description={t("push.asCameraHint")}
              checked={camera}
              onChange={(event) => setCamera(event.currentTarget.checked)}
            />
            <Group justify="end">
              <Button variant="default" onClick={close}>
                {t("app.cancel")}
              </Button>
              <Button type="submit" loading={add.isPending} disabled={name.trim() === ""}>
                {t("push.add")}
              </Button>
            </Group>
          </Stack>
        </form>
      ) : (
        <Token made={made} close={close} />
      )}
    </Modal>
  );
}

function Token({ made, close }: { made: NewPushClient; close: () => void }) {
  const { t } = useTranslation();
  const port = useQuery(pushClientsQuery).data?.port ?? DEFAULT_PORT;
  const [host, setHost] = useState(() => location.hostname);
  const [source, setSource] = useState("door.mp4");
  const { client, token, pin } = made;
  return (
    <Stack gap="md" className="hc-dial">
      <Alert color="orange" variant="light" icon={<IconKey size={18} />} title={t("push.once")} />
      <Copied label={t("push.token")} text={token} />
      {pin !== null && <Copied label={t("push.pin")} text={pin} />}
      <TextInput
        label={t("push.host")}
        value={host}
        onChange={(event) => setHost(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: "hc-mono" }}
      />
      <TextInput
        label={t("push.source")}
        description={t("push.sourceHint")}
        value={source}
        onChange={(event) => setSource(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
        classNames={{ input: "hc-mono" }}
      />
      <Copied label={t("push.file")} text={tokenFileCommand(client.id, token, pin ?? "")} />
      <Copied label={t("push.run")} text={pushCommand(client.id, host.trim(), port, source.trim())} />
      <Group justify="end">
        <Button onClick={close}>{t("push.done")}</Button>
      </Group>
    </Stack>
  );
}
