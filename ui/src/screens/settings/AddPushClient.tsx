import { Switch, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import {
  addPushClient,
  type NewPushClient,
  pushClientsQuery,
  pushCommand,
  tokenFileCommand,
} from "@/api/pushClients";
import { OnceDialog } from "@/parts/OnceDialog";
import { Copied } from "../cameras/DialCommand";

const DEFAULT_PORT = 8342;

/** A name first; then its token, which is shown here and never again. */
export function AddPushClient({ close, added }: { close: () => void; added: () => Promise<unknown> }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [camera, setCamera] = useState(true);
  return (
    <OnceDialog
      title={t("push.addTitle")}
      madeTitle={(made: NewPushClient) => made.client.name}
      isReady={name.trim() !== ""}
      add={t("push.add")}
      create={() => addPushClient(name.trim(), camera)}
      added={added}
      once={t("push.once")}
      show={(made) => <Token made={made} />}
      done={t("push.done")}
      close={close}
    >
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
    </OnceDialog>
  );
}

function Token({ made }: { made: NewPushClient }) {
  const { t } = useTranslation();
  const port = useQuery(pushClientsQuery).data?.port ?? DEFAULT_PORT;
  const [host, setHost] = useState(() => location.hostname);
  const [source, setSource] = useState("door.mp4");
  const { client, token, pin } = made;
  return (
    <>
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
    </>
  );
}
